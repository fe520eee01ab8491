import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createDatabase, Database } from './database.js';
import { startReadyService } from './service.js';
import { SECRET } from './signed-event.js';
import { testDirectory } from './test-directory.js';

export const SHARED_ORIGIN = 'https://shop.example';
export const SHARED_METRICS_TOKEN = 'open-sesame';

/** The service that all API specs of one Jest worker share, and its database. */
export interface SharedService {
  readonly url: string;
  /** Everything the service has logged since it started. */
  readonly logs: () => string;
  readonly database: Database;
}

/** What the next spec file of the same worker reads: Jest shares no memory between spec files. */
interface Location {
  readonly url: string;
  readonly log: string;
  readonly databaseUrl: string;
}

/**
 * Starts the worker's service on first use, and empties its catalog.
 *
 * The service caches a page for 1 ms, so that no spec reads a page of the one before. It runs until the worker ends.
 */
export async function sharedService(): Promise<SharedService> {
  const file = join(testDirectory(), `shared-service-${process.pid}.json`);
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await startShared()));
  const { url, log, databaseUrl } = JSON.parse(readFileSync(file, 'utf8')) as Location;
  const database = new Database(databaseUrl);
  await database.query('TRUNCATE products, webhook_events RESTART IDENTITY');
  return { url, logs: () => readFileSync(log, 'utf8').trim(), database };
}

async function startShared(): Promise<Location> {
  const database = await createDatabase();
  const service = await startReadyService({
    DATABASE_URL: database.url,
    CACHE_TTL_MS: '1',
    CORS_ORIGINS: SHARED_ORIGIN,
    METRICS_TOKEN: SHARED_METRICS_TOKEN,
    TRUST_PROXY: '127.0.0.1',
    WEBHOOK_SECRETS: SECRET,
  });
  return { url: service.url, log: service.log, databaseUrl: database.url };
}
