import { transformFile } from '@swc/core';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The source directories. `npm run build` compiles `src` to `dist`, and `migrations` to `dist/migrations`. */
export const SOURCES = ['src', 'migrations'] as const;

/** Whether a file belongs in `dist/`: TypeScript is compiled, JSON is copied, specs are left out. */
export function isSource(path: string): boolean {
  return /\.(ts|json)$/.test(path) && !path.endsWith('spec.ts');
}

/** Compiles the changed sources to `dist/`, as `npm run build` does, without bundling. */
export class Compiler {
  /** The state of every source when it was compiled, by path. */
  private compiled: ReadonlyMap<string, string> = new Map();
  /** The state of every output when it was written, by the path of its source. */
  private readonly written = new Map<string, string | undefined>();

  constructor(private readonly root: string) {
    // Existing outputs may be out of date.
    rmSync(join(root, 'dist'), { recursive: true, force: true });
  }

  /**
   * Compiles the sources that changed since the last call, and removes outputs without a source. When a source
   * does not compile, writes nothing.
   *
   * @throws Error whose message shows the position in the source.
   * @returns the paths of the sources that were changed, added or removed.
   */
  async compile(): Promise<string[]> {
    const found = this.findSources();
    // `npm run build` and `npm test` may have replaced an output, so compare the outputs too.
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
      // The position in the source comes first, then swc's own stack.
      const [message = ''] = String(error).split('\n\nCaused by:');
      throw new Error(`${path} does not compile\n${message.trim()}`, { cause: error });
    }
  }

  private outputOf(path: string): string {
    return join(this.root, 'dist', path.replace(/^src./, '').replace(/\.ts$/, '.js'));
  }

  /** The state of every source by path. */
  private findSources(): Map<string, string> {
    const files = SOURCES.flatMap((source) =>
      readdirSync(join(this.root, source), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && isSource(entry.name))
        .map((entry) => relative(this.root, join(entry.parentPath, entry.name))),
    );
    return new Map(files.map((path) => [path, stateOf(join(this.root, path)) ?? '']));
  }
}

/** Changes when a file is written (ctime, size) or replaced (inode); undefined when the file is missing. */
function stateOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && [stats.ino, stats.ctimeMs, stats.size].join();
}
