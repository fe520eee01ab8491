import { join } from 'node:path';

import { loadEnvironment } from '../config/environment.js';
import { createDataSource } from './data-source.js';

const environment = loadEnvironment();

/** What `npm run migration:*` connects with: the direct connection, and no deadline on building an index. */
export default createDataSource(
  environment.MIGRATION_DATABASE_URL ?? environment.DATABASE_URL,
  { poolMax: 2 },
  [join(import.meta.dirname, '../**/*.entity.js')],
);
