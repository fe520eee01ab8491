import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Reads a file with one YAML document. Duplicate keys are an error. */
export function readYaml(path: string): unknown {
  return parse(readFileSync(path, 'utf8'), { merge: true, strict: true });
}
