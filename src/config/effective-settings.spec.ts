import { describe, expect, it } from '@jest/globals';

import { effectiveSettings } from './effective-settings.js';
import { readEnvironment } from './environment.js';

const DATABASE_URL = 'postgresql://farmlokal:hunter2@db.example:5432/farmlokal?sslmode=require';

describe(effectiveSettings.name, () => {
  it('shows every setting with its default', () => {
    expect(effectiveSettings(readEnvironment({ DATABASE_URL }))).toMatchObject({
      PORT: 3000,
      HOST: '0.0.0.0',
      NODE_ENV: 'production',
      DATABASE_URL: 'db.example:5432/farmlokal',
      REDIS_URL: 'unset',
      OAUTH_CLIENT_SECRET: 'unset',
      TRUST_PROXY: 'unset',
      SHUTDOWN_DELAY_MS: 5000,
      DOCS_ENABLED: true,
    });
  });

  it('does not show variables that the service does not read', () => {
    const settings = effectiveSettings(readEnvironment({ DATABASE_URL, AWS_SECRET: 'hunter2' }));
    expect(settings).not.toHaveProperty('AWS_SECRET');
  });

  it.each([
    ['postgres://db.example/farmlokal', 'db.example/farmlokal'],
    ['postgres://farm:hunter2@db.example', 'db.example/farm'],
    ['postgres://user:hunter%402@[::1]:5433/farmlokal', '[::1]:5433/farmlokal'],
    ['postgres://user:hunter@2@db.example/farmlokal', 'db.example/farmlokal'],
    ['postgres://db.example/farmlokal?password=hunter2', 'db.example/farmlokal'],
    ['postgresql:///farmlokal?host=/run/postgresql&password=hunter2', '/run/postgresql/farmlokal'],
    ['postgresql://db.example/farmlokal?host=other.example', 'other.example/farmlokal'],
  ])('shows host and database of %s', (url, shown) => {
    const settings = effectiveSettings(readEnvironment({ DATABASE_URL: url }));
    expect(settings.DATABASE_URL).toBe(shown);
  });

  it('shows only that a secret is set', () => {
    const settings = effectiveSettings(
      readEnvironment({
        DATABASE_URL,
        MIGRATION_DATABASE_URL: 'postgresql://owner:hunter2@direct.example/farmlokal',
        REDIS_URL: 'rediss://user:hunter2@redis.example:6380/1',
        OAUTH_TOKEN_URL: 'https://login.example/hunter2/token?key=hunter2',
        OAUTH_CLIENT_ID: 'farmlokal',
        OAUTH_CLIENT_SECRET: 'hunter2',
        INVENTORY_API_URL: 'https://stock.example:8443/hunter2',
        METRICS_TOKEN: 'hunter2',
        WEBHOOK_SECRETS: 'whsec_aHVudGVyMmh1bnRlcjJodW50ZXIy',
      }),
    );
    expect(settings).toMatchObject({
      MIGRATION_DATABASE_URL: 'direct.example/farmlokal',
      REDIS_URL: 'redis.example:6380/1',
      OAUTH_TOKEN_URL: 'login.example',
      OAUTH_CLIENT_ID: 'set',
      OAUTH_CLIENT_SECRET: 'set',
      INVENTORY_API_URL: 'stock.example:8443',
      METRICS_TOKEN: 'set',
      WEBHOOK_SECRETS: 'set',
    });
    expect(JSON.stringify(settings)).not.toMatch(/hunter|aHVudGVy/);
  });

  it('shows lists comma-separated', () => {
    const settings = effectiveSettings(
      readEnvironment({ DATABASE_URL, TRUST_PROXY: '10.0.0.0/8, ::1' }),
    );
    expect(settings.TRUST_PROXY).toBe('10.0.0.0/8,::1');
  });
});
