import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

import { InvalidEnvironmentError } from './invalid-environment.error.js';

/**
 * Reads the variables of an env file; none when the file does not exist. It replaces `process.loadEnvFile`, which reads
 * any encoding as UTF-8 and makes a byte order mark a part of the first name.
 *
 * @throws InvalidEnvironmentError when the file cannot be read or is not UTF-8 text.
 */
export function readEnvFile(path: string): Record<string, string> {
  const bytes = read(path);
  if (bytes === undefined) {
    return {};
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notUtf8(path);
  }
  // UTF-16 without a byte order mark is valid UTF-8 in which every second character is NUL.
  if (text.includes('\0')) {
    throw notUtf8(path);
  }
  return parseEnv(text.replaceAll(/\r\n?/g, '\n')) as Record<string, string>;
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      return undefined;
    }
    throw new InvalidEnvironmentError([`${path}: cannot be read (${message})`]);
  }
}

function notUtf8(path: string): InvalidEnvironmentError {
  return new InvalidEnvironmentError([`${path}: is not UTF-8 text; save it as UTF-8`]);
}
