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

/** How esbuild keeps a name. */
const KEEP =
  'var __name = (target, value) => __defProp(target, "name", { value, configurable: true });';
for (const { path, text } of outputFiles) {
  if (!path.endsWith('.map') && !text.includes(KEEP)) {
    throw new Error('esbuild keeps names in another way than was expected.');
  }
  // Nest goes by the names of classes; to keep those of functions too costs each closure that a request makes.
  const kept = text
    .replaceAll('__name(this, ', '__keep(this, ')
    .replace(KEEP, `${KEEP.replace('__name', '__keep')} var __name = (target) => target;`);
  await writeFile(path, kept);
}
