import { createHash } from 'node:crypto';

/** An SQL statement. */
export interface Statement {
  readonly text: string;
  /** The values of `$1`, `$2` and so on. */
  readonly values: readonly unknown[];
  /** Whether connections keep the statement prepared: true for few texts, whose plans do not depend on the values. */
  readonly prepared: boolean;
}

const names = new Map<string, string>();

/** Derives a name from the text, so that two builds behind one pooler never give different statements the same name. */
export function statementName(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}
