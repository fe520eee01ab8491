// Plain JavaScript: Jest loads this file as it is, and only tsx finds the TypeScript behind an import of `.js`.
import { tsImport } from 'tsx/esm/api';

/** @type {() => Promise<void>} */
let end;

/** Starts what the whole run shares. */
export default async function globalSetup() {
  /** @type {import('./test-run.js')} */
  const { beginTestRun } = await tsImport('./test-run.ts', import.meta.url);
  end = await beginTestRun();
}

/** Ends it. A run that does not come this far loses it all the same. */
export async function endTestRun() {
  await end();
}
