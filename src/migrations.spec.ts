import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';

import { MIGRATIONS, migrationName } from './migrations.js';

describe('MIGRATIONS', () => {
  it('lists every migration of the repository in order', () => {
    const files = readdirSync('migrations').filter((file) => /^\d/.test(file));
    expect(MIGRATIONS.map((file) => `${file}.ts`)).toEqual(files.sort());
  });

  it.each(MIGRATIONS)('returns the name that TypeORM records for %s', async (file) => {
    const module = (await import(`../migrations/${file}.js`)) as object;
    expect(Object.keys(module)).toEqual([migrationName(file)]);
  });
});
