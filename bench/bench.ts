import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Catalog } from './catalog.js';
import { DEFAULTS, readArguments, USAGE, UsageError } from './command-line.js';
import { toMarkdown } from './report/report.js';
import type { Suite } from './suite.js';
import { drills } from './suites/drills/drills.js';
import { listing } from './suites/listing/listing.js';
import { overload } from './suites/overload/overload.js';
import { partners } from './suites/partners/partners.js';
import { scale } from './suites/scale/scale.js';
import { speed } from './suites/speed/speed.js';
import { webhooks } from './suites/webhooks/webhooks.js';
import { type Running, Testbed, TestbedError } from './testbed.js';

const LIST = { listing, speed, overload, webhooks, partners, drills, scale };
const SUITES: Readonly<Record<string, Suite>> = LIST;
const RESULTS = join(import.meta.dirname, 'results');

const running: Running[] = [];
const stopping = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void stop(130));
}
try {
  await bench();
  await stop(0);
} catch (error) {
  const isExpected = error instanceof UsageError || error instanceof TestbedError;
  // Stopping the servers makes the scenario fail.
  if (!stopping.signal.aborted) console.error(isExpected ? error.message : error);
  await stop(1);
}

async function bench(): Promise<void> {
  const options = readArguments(process.argv.slice(2), Object.keys(SUITES));
  const { suite: name = '', rows, seconds } = options;
  const suite = SUITES[name];
  if (suite === undefined) {
    listSuites();
    return;
  }
  const testbed = await Testbed.start(rows, running, log);
  const report = await suite.run({ testbed, catalog: new Catalog(testbed), seconds, log });
  const markdown = await toMarkdown(report, name, testbed);
  console.log(`\n${markdown}`);
  if (rows !== DEFAULTS.rows || seconds !== DEFAULTS.seconds) {
    log('not published, because --rows or --seconds differs from the default');
    return;
  }
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.md`), markdown);
  for (const { plot } of report.sections) {
    if (plot !== undefined) writeFileSync(join(RESULTS, plot.file), plot.svg);
  }
  log(`published in bench/results/${name}.md`);
}

function listSuites(): void {
  console.log(`${USAGE}\n`);
  for (const [name, { summary, minutes }] of Object.entries(SUITES)) {
    console.log(`  ${name.padEnd(9)} ${String(minutes).padStart(2)} min  ${summary}`);
  }
  console.log(`\nDefaults: --rows ${DEFAULTS.rows} --seconds ${DEFAULTS.seconds}.`);
  console.log('The first run also loads the catalog, which takes a few minutes.');
}

function log(line: string): void {
  console.log(`bench: ${line}`);
}

/** Stops everything in reverse order, once: Ctrl-C reaches this process from the terminal and from npm. */
async function stop(code: number): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort();
  for (const part of running.reverse()) await part.stop();
  process.exit(code);
}
