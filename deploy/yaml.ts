import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Reads a file of one YAML document; a key that stands there twice is an error, as anything odd is. */
export function readYaml(path: string): unknown {
  return parse(readFileSync(path, 'utf8'), { merge: true, strict: true });
}
