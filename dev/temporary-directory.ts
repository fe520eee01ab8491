import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ManagedProcess } from './managed-process.js';
import { canAccess, ownerOf } from './postgres-installation.js';

/** A directory that is removed on `remove`, or when this process ends. */
export interface TemporaryDirectory {
  path: string;
  remove(): Promise<void>;
}

/** Creates a directory that PostgreSQL's account can access, even if root's TMPDIR is private. */
export async function makeTemporaryDirectory(): Promise<TemporaryDirectory> {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    const path = mkdtempSync(join(parent, 'farmlokal-'));
    const reaper = await ManagedProcess.start({ remove: path });
    const remove = async () => {
      await reaper.stop();
    };
    if (canAccess(ownerOf(path), path)) return { path, remove };
    await remove();
  }
  throw new Error('The account that runs PostgreSQL can access none of the temporary directories');
}
