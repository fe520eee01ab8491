import { describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { postgresConnection } from './connection.js';

const URL = 'postgresql://user:secret@ep-x-pooler.aws.neon.tech/farm';

describe(postgresConnection.name, () => {
  it.each(['require', 'verify-ca', 'verify-full'])('verifies the certificate with %s', (mode) => {
    const client = new pg.Client(
      postgresConnection(`${URL}?sslmode=${mode}&channel_binding=require`),
    );
    expect(client).toHaveProperty(
      'connectionParameters.ssl',
      expect.not.objectContaining({ rejectUnauthorized: false }),
    );
    expect(client).toHaveProperty('connectionParameters.database', 'farm');
  });

  it('accepts any certificate only with no-verify', () => {
    const client = new pg.Client(postgresConnection(`${URL}?sslmode=no-verify`));
    expect(client).toHaveProperty('connectionParameters.ssl.rejectUnauthorized', false);
  });

  it('uses no TLS without an sslmode', () => {
    const client = new pg.Client(postgresConnection(URL));
    expect(client).toHaveProperty('connectionParameters.ssl', false);
  });

  it('sends TCP keep-alive probes before networks drop an idle connection', () => {
    const { keepAlive, keepAliveInitialDelayMillis } = postgresConnection(URL);
    expect(keepAlive).toBe(true);
    expect(keepAliveInitialDelayMillis).toBeGreaterThan(0);
    expect(keepAliveInitialDelayMillis).toBeLessThan(4 * 60_000);
  });
});
