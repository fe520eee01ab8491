import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Arguments, DEFAULTS, readArguments, UsageError } from './arguments.js';
import { Catalogue } from './catalogue.js';
import { measureDepth } from './depth.js';
import { measureLatency } from './latency.js';
import { describeMachine } from './machine.js';
import { measurePartners } from './partners.js';
import { type PartnersReport, toMarkdown as partnersMarkdown } from './partners-report.js';
import { measureRedisOutage } from './redis-outage.js';
import { type Report, toMarkdown } from './report.js';
import { type Running, Testbed, TestbedError } from './testbed.js';
import { measureWebhooks } from './webhooks.js';
import { webhooksMarkdown } from './webhooks-report.js';

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
  const about = { date, machine: await describeMachine(testbed), rows };
  const asDefault = rows === DEFAULTS.rows && seconds === DEFAULTS.seconds;

  let report: Report = about;
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
  if (cases.some((name) => name !== 'partners' && name !== 'webhooks')) {
    tell('listing', toMarkdown(report), report, asDefault && cases === DEFAULTS.cases);
  }
  if (cases.includes('partners')) {
    const partners = await measurePartners(testbed, catalogue, seconds, say);
    const found: PartnersReport = { ...about, ...partners };
    tell('partners', partnersMarkdown(found), found, asDefault);
  }
  if (cases.includes('webhooks')) {
    const found = { ...about, ...(await measureWebhooks(testbed, seconds, say)) };
    tell('webhooks', webhooksMarkdown(found), found, asDefault);
  }
}

/** Shows what was found out, and publishes it when it was measured as all that is published is. */
function tell(name: string, markdown: string, report: object, publish: boolean): void {
  console.log(`\n${markdown}`);
  if (publish) {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, `${name}.md`), markdown);
    writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
    say(`Published in bench/results/${name}.md`);
  } else {
    say(
      'Not published: bench/results is for runs of all rows and seconds, and of the whole listing',
    );
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
