import { readFileSync } from 'node:fs';

const { scripts } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { scripts: { start: string } };

/** The arguments of `node` in `npm start`: options and the entry file. */
export const START_COMMAND: readonly string[] = scripts.start.split(' ').slice(2);
