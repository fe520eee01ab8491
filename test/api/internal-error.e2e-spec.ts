import { expect, it } from '@jest/globals';

import { httpFetch } from '../support/http.js';
import { createDatabase } from '../support/database.js';
import { startReadyService } from '../support/service.js';

it('A faulty statement is an internal error, not an outage of PostgreSQL', async () => {
  const database = await createDatabase();
  const service = await startReadyService({ DATABASE_URL: database.url });
  try {
    await database.query('ALTER TABLE products RENAME COLUMN unit TO units');
    expect((await httpFetch(`${service.url}/api/products`)).status).toBe(500);
  } finally {
    await service.kill('SIGKILL');
    await database.drop();
  }
});
