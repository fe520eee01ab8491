import { loadEnvironment } from '../config/environment.js';
import { ENTITIES } from '../entities.js';
import { createMigrationDataSource } from './migration-data-source.js';

/** The data source for TypeORM's own command line, which `npm run migration:generate` uses. */
export default await createMigrationDataSource(loadEnvironment(), ENTITIES);
