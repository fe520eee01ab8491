import { describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { existsSync, readFileSync } from 'node:fs';

import { Environment } from '../src/config/environment.js';
import { START_COMMAND } from '../test/support/start-command.js';

const dockerfile = readFileSync('Dockerfile', 'utf8');
const lines = dockerfile.split('\n');
const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>;
};
/** The files copied from the build context. */
const copied = lines.flatMap((line) => {
  const [, sources = ''] = /^COPY (?!--from)(.+) \S+$/.exec(line) ?? [];
  return sources === '' ? [] : sources.split(' ');
});

describe('The image', () => {
  it('has a valid Dockerfile', () => {
    expect(validate(dockerfile)).toEqual([]);
  });

  it('copies exactly the files that .dockerignore includes', () => {
    const ignore = readFileSync('.dockerignore', 'utf8').split('\n');
    const sent = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(ignore).toContain('*');
    expect([...new Set(copied)].sort()).toEqual(sent.sort());
    expect(sent.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('pins one exact Node version in every stage', () => {
    const images = [...dockerfile.matchAll(/^FROM (node:\S+)/gm)].map(([, image]) => image);
    expect(new Set(images).size).toBe(1);
    expect(images[0]).toMatch(/^node:\d+\.\d+\.\d+-/);
  });

  it('runs Node as process 1, without root, and exposes its port', () => {
    expect(lastStage).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(lastStage).toContain(
      `CMD [${['node', ...START_COMMAND].map((word) => `"${word}"`).join(', ')}]`,
    );
    expect(lastStage).toMatch(new RegExp(`^EXPOSE ${new Environment().PORT}$`, 'm'));
  });

  it('needs no development dependency for the migrations', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining(['typeorm', 'pg']));
    expect(dockerfile).toContain('npm ci --omit=dev');
  });
});
