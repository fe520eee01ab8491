import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Arguments, DEFAULTS, readArguments, UsageError } from './arguments.js';
import { Catalogue } from './catalogue.js';
import { measureDepth } from './depth.js';
import { measureLatency } from './latency.js';
import { describeMachine } from './machine.js';
import { measureRedisOutage } from './redis-outage.js';
import { type Report, toMarkdown } from './report.js';
import { type Running, Testbed, TestbedError } from './testbed.js';

const RESULTS = join(import.meta.dirname, 'results');

const running: Running[] = [];
const stopping = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void stop(130));
}
try {
  await bench(readArguments(process.argv.slice(2)));
  await stop(0);
} catch (error) {
  // What is being stopped makes whatever waits for it fail.
  if (!stopping.signal.aborted) {
    const told = error instanceof UsageError || error instanceof TestbedError;
    console.error(told ? error.message : error);
    await stop(1);
  }
}

async function bench({ cases, rows, seconds }: Arguments): Promise<void> {
  const testbed = await Testbed.start(rows, running, say);
  const catalogue = new Catalogue(testbed);
  const date = new Date().toISOString().slice(0, 10);
  let report: Report = { date, machine: await describeMachine(testbed), rows };
  if (cases.includes('latency')) {
    report = { ...report, latency: await measureLatency(testbed, catalogue, seconds, say) };
  }
  if (cases.includes('depth')) {
    report = { ...report, depth: await measureDepth(testbed, catalogue, seconds, say) };
  }
  if (cases.includes('redis-outage')) {
    const redisOutage = await measureRedisOutage(testbed, catalogue, seconds, say);
    report = { ...report, redisOutage };
  }
  const markdown = toMarkdown(report);
  console.log(`\n${markdown}`);

  if (cases === DEFAULTS.cases && rows === DEFAULTS.rows && seconds === DEFAULTS.seconds) {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, 'listing.md'), markdown);
    writeFileSync(join(RESULTS, 'listing.json'), `${JSON.stringify(report, null, 2)}\n`);
    say('Published in bench/results');
  } else {
    say('Not published: bench/results is for full runs, with no arguments');
  }
}

function say(line: string): void {
  console.log(`bench: ${line}`);
}

/** Stops all in order. Of one Ctrl-C the terminal and npm tell separately. */
async function stop(code: number): Promise<void> {
  if (stopping.signal.aborted) {
    return;
  }
  stopping.abort();
  for (const part of running.reverse()) {
    await part.stop();
  }
  process.exit(code);
}
