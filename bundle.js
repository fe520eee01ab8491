// Makes one file of the service and all that it imports: a start then reads a file instead of 2,500, which takes half
// as long. What the other commands run stays as it was compiled.
import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';

/** Packages that others would use if they were there; what asks for them copes without. */
const optional = {
  name: 'optional',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...options }) => {
      if (options.kind === 'entry-point' || pluginData === optional) return undefined;
      const found = await resolve(path, { ...options, pluginData: optional });
      return found.errors.length > 0 ? { path, external: true } : found;
    });
  },
};

const { outputFiles } = await build({
  entryPoints: ['dist/main.js'],
  outfile: 'dist/main.js',
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  keepNames: true,
  // A start reads less, and less stays in memory. Lines are cut for those who read a stack beside the map.
  minifyWhitespace: true,
  lineLimit: 120,
  legalComments: 'none',
  plugins: [optional],
  // Packages of the older kind expect these.
  banner: {
    js: `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname;`,
  },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});

/** Where esbuild begins to tell how it keeps a name. A line may end anywhere. */
const KEEP = /var\s+__name\s*=/;
for (const { path, text } of outputFiles) {
  if (path.endsWith('.map')) {
    await writeFile(path, text);
    continue;
  }
  if (!KEEP.test(text)) {
    throw new Error('esbuild keeps names in another way than was expected.');
  }
  // Behind a backslash, or in a text that is taken raw, an escape would be something else.
  if (/\\[^\0-\x7f]|String\.raw\s*`[^`]*[^\0-\x7f]/.test(text)) {
    throw new Error('What is not ASCII stands where it cannot be escaped.');
  }
  // No line is lost or won: the map goes by them.
  const kept = text
    // Nest goes by the names of classes; to keep those of functions too costs each closure that a request makes.
    .replaceAll(/__name(?=\(\s*this\b)/g, '__keep')
    .replace(KEEP, (named) => `var __name=(target)=>target;${named.replace('__name', '__keep')}`)
    // V8 keeps the text of what it runs: one letter that is not ASCII, in a pattern, would take it twice the memory.
    .replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  await writeFile(path, kept);
}
