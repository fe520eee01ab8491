import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readEnvFile } from './env-file.js';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'farmlokal-env-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function read(content: string | Buffer): Record<string, string> {
  const path = join(directory, 'env');
  writeFileSync(path, content);
  return readEnvFile(path);
}

describe(readEnvFile.name, () => {
  it('returns no variables without a file', () => {
    expect(readEnvFile(join(directory, 'none'))).toEqual({});
  });

  it.each([
    ['without a byte order mark', 'PORT=4000\nHOST="::1"\n'],
    ['with a byte order mark', '\uFEFFPORT=4000\nHOST="::1"\n'],
    ['with CRLF', 'PORT=4000\r\nHOST="::1"\r\n'],
    ['with a byte order mark and CRLF', '\uFEFFPORT=4000\r\nHOST="::1"\r\n'],
    ['with CR', 'PORT=4000\rHOST="::1"\r'],
    ['without an end of the last line', 'PORT=4000\nHOST="::1"'],
  ])('reads every variable of a file %s', (_, content) => {
    expect(read(content)).toEqual({ PORT: '4000', HOST: '::1' });
  });

  it('keeps text that is not ASCII', () => {
    expect(read('\uFEFFNAME=Grünkohl 🥬\n')).toEqual({ NAME: 'Grünkohl 🥬' });
  });

  it.each([
    ['UTF-16 with a byte order mark', Buffer.from('\uFEFFPORT=4000\n', 'utf16le')],
    ['big-endian UTF-16', Buffer.from('\uFEFFPORT=4000\n', 'utf16le').swap16()],
    ['UTF-16 without a byte order mark', Buffer.from('PORT=4000\n', 'utf16le')],
    ['Latin-1', Buffer.from('NAME=Grünkohl\n', 'latin1')],
  ])('refuses %s', (_, content) => {
    expect(() => read(content)).toThrow(/env: is not UTF-8 text; save it as UTF-8$/);
  });

  it('gives the reason when a file cannot be read', () => {
    const path = join(directory, 'directory');
    mkdirSync(path);
    expect(() => readEnvFile(path)).toThrow(/directory: cannot be read \(EISDIR/);
  });
});
