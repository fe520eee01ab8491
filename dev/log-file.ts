import { existsSync, readFileSync } from 'node:fs';

/** Returns a function that reads what was appended to the log since this call. */
export function followLog(path: string): () => string {
  const read = () => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
  const { length } = read();
  return () => read().subarray(length).toString().trim();
}
