import { join } from 'node:path';

/** Where this build's migrations are: beside this file, or beside the one that the service was bundled to. */
export const MIGRATIONS = join(import.meta.dirname, 'migrations/*.js');
