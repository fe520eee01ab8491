import { existsSync, readFileSync } from 'node:fs';

/** Remembers where a log ends now; gives what is appended to it from here on. */
export function followLog(path: string): () => string {
  const read = () => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
  const { length } = read();
  return () => read().subarray(length).toString().trim();
}
