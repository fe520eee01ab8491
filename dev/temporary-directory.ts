import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ManagedProcess } from './managed-process.js';
import { canEnter, ownerOf } from './postgres-installation.js';

/** A directory that is removed when told, or when this process is gone. */
export interface TemporaryDirectory {
  path: string;
  remove(): Promise<void>;
}

/** Makes a directory that PostgreSQL's account can get at, also where root's TMPDIR is its own. */
export async function makeTemporaryDirectory(): Promise<TemporaryDirectory> {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    const path = mkdtempSync(join(parent, 'farmlokal-'));
    const holder = await ManagedProcess.start({ remove: path });
    const remove = async () => {
      await holder.stop();
    };
    if (canEnter(ownerOf(path), path)) return { path, remove };
    await remove();
  }
  throw new Error('No temporary directory is open to the account that PostgreSQL runs under');
}
