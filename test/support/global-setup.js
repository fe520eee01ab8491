// Plain JavaScript: Jest loads this file as it is, and only tsx finds the TypeScript behind an import of `.js`.
import { tsImport } from 'tsx/esm/api';

/** @type {() => Promise<void>} */
let stop;

/** Starts what all specs of a run share. */
export default async function globalSetup() {
  /** @type {import('./test-run.js')} */
  const { startTestRun } = await tsImport('./test-run.ts', import.meta.url);
  stop = await startTestRun();
}

/** Stops it. If the run is killed before this, the servers end by themselves. */
export async function stopTestRun() {
  await stop();
}
