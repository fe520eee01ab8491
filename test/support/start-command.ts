import { readFileSync } from 'node:fs';

const { scripts } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { scripts: { start: string } };

/** What `npm start` has Node do: its options, and the entry. */
export const START_COMMAND: readonly string[] = scripts.start.split(' ').slice(2);
