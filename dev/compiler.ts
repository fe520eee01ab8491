import { transformFile } from '@swc/core';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The directories of the sources. `npm run build` compiles `src` to `dist`, and the others to `dist/` and their name. */
export const SOURCES = ['src', 'migrations'] as const;

/** Whether a file belongs in `dist/`: TypeScript is compiled, JSON is copied, specs are left out. */
export function isSource(path: string): boolean {
  return /\.(ts|json)$/.test(path) && !path.endsWith('spec.ts');
}

/** Compiles to `dist/` as `npm run build` does, without the bundle, and only the sources that have changed. */
export class Compiler {
  /** What every compiled source was like, by its path. */
  private compiled: ReadonlyMap<string, string> = new Map();
  /** What every output was like when it was written, by the path of its source. */
  private readonly written = new Map<string, string | undefined>();

  constructor(private readonly root: string) {
    // Nothing is known of what is there.
    rmSync(join(root, 'dist'), { recursive: true, force: true });
  }

  /**
   * Compiles what has changed since the last time, and removes what has no source any more. When a source is bad,
   * nothing is written.
   *
   * @throws Error whose message shows the place in the source.
   * @returns the paths of the sources that were changed, added or removed.
   */
  async compile(): Promise<string[]> {
    const found = this.find();
    // `npm run build`, also as a part of `npm test`, replaces the outputs.
    const changed = [...found.keys()].filter(
      (path) =>
        found.get(path) !== this.compiled.get(path) ||
        stateOf(this.outputOf(path)) !== this.written.get(path),
    );
    const removed = [...this.compiled.keys()].filter((path) => !found.has(path));
    const outputs = await Promise.all(changed.map((path) => this.transform(path)));
    for (const path of removed) rmSync(this.outputOf(path), { force: true });
    for (const [index, path] of changed.entries()) {
      const output = this.outputOf(path);
      mkdirSync(dirname(output), { recursive: true });
      writeFileSync(output, outputs[index] ?? '');
      this.written.set(path, stateOf(output));
    }
    this.compiled = found;
    return [...changed, ...removed];
  }

  private async transform(path: string): Promise<string> {
    if (path.endsWith('.json')) return readFileSync(join(this.root, path), 'utf8');
    try {
      const { code } = await transformFile(join(this.root, path), {
        configFile: join(this.root, '.swcrc'),
        sourceMaps: 'inline',
      });
      return code;
    } catch (error) {
      // The place in the source comes first, swc's own stack after it.
      const [message = ''] = String(error).split('\n\nCaused by:');
      throw new Error(`${path} does not compile\n${message.trim()}`, { cause: error });
    }
  }

  private outputOf(path: string): string {
    return join(this.root, 'dist', path.replace(/^src./, '').replace(/\.ts$/, '.js'));
  }

  /** The sources and what each is like: a file that is replaced has another inode, one that is written another time. */
  private find(): Map<string, string> {
    const files = SOURCES.flatMap((source) =>
      readdirSync(join(this.root, source), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && isSource(entry.name))
        .map((entry) => relative(this.root, join(entry.parentPath, entry.name))),
    );
    return new Map(files.map((path) => [path, stateOf(join(this.root, path)) ?? '']));
  }
}

/** Differs once a file was written or replaced; undefined when there is none. */
function stateOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && [stats.ino, stats.ctimeMs, stats.size].join();
}
