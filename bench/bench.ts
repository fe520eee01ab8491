import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { measureAddresses } from './addresses.js';
import {
  type Arguments,
  DEFAULTS,
  readArguments,
  type Suite,
  SUITES,
  UsageError,
} from './arguments.js';
import { Catalogue } from './catalogue.js';
import { measureDepth } from './depth.js';
import { type DrillsReport, drillsMarkdown } from './drills-report.js';
import { measureLatency } from './latency.js';
import { measureLimit } from './limit.js';
import { describeMachine } from './machine.js';
import { measureOutages } from './outages.js';
import { measurePartners } from './partners.js';
import { type PartnersReport, toMarkdown as partnersMarkdown } from './partners-report.js';
import { measureRedisOutage } from './redis-outage.js';
import { type Report, toMarkdown } from './report.js';
import { measureRollingRestart } from './rolling-restart.js';
import { measureScale, TIMES } from './scale.js';
import { scaleMarkdown } from './scale-report.js';
import { measureSpeed } from './speed.js';
import { PLOT, type SpeedReport, toMarkdown as speedMarkdown, toPlot } from './speed-report.js';
import {
  availability,
  bareFastify,
  cachedPages,
  uncachedPages,
  webhooks,
} from './suites/overload/kinds.js';
import { measureOverload } from './suites/overload/overload.js';
import {
  OVERLOAD_PLOT,
  overloadMarkdown,
  overloadPlot,
  type OverloadReport,
} from './suites/overload/overload-report.js';
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

async function bench({ cases, rows, seconds, cycles }: Arguments): Promise<void> {
  const testbed = await Testbed.start(rows, running, say);
  const catalogue = new Catalogue(testbed);
  const date = new Date().toISOString().slice(0, 10);
  const about = { date, machine: await describeMachine(testbed), rows };
  const asDefault =
    rows === DEFAULTS.rows && seconds === DEFAULTS.seconds && cycles === DEFAULTS.cycles;
  const some = (suite: Suite) => SUITES[suite].some((name) => cases.includes(name));
  const all = (suite: Suite) => SUITES[suite].every((name) => cases.includes(name));

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
  if (some('listing')) {
    tell('listing', toMarkdown(report), report, asDefault && all('listing'));
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
  if (cases.includes('speed')) {
    const found: SpeedReport = {
      ...about,
      ...(await measureSpeed(testbed, catalogue, seconds, say)),
    };
    tell('speed', speedMarkdown(found), found, asDefault, { [PLOT]: toPlot(found) });
  }
  if (cases.includes('overload')) {
    const kinds = [cachedPages, uncachedPages, availability, webhooks];
    const found: OverloadReport = {
      ...about,
      ...(await measureOverload(testbed, catalogue, kinds, seconds, say)),
    };
    tell('overload', overloadMarkdown(found), undefined, asDefault, {
      [OVERLOAD_PLOT]: overloadPlot(found),
    });
  }
  if (cases.includes('sender')) {
    const measured = await measureOverload(testbed, catalogue, [bareFastify], seconds, say);
    tell('sender', overloadMarkdown({ ...about, ...measured }), undefined, false);
  }

  if (cases.includes('scale')) {
    const large = await testbed.resized(rows * TIMES);
    const found = { ...about, ...(await measureScale(testbed, large, seconds, say)) };
    tell('scale', scaleMarkdown(found), found, asDefault);
  }

  let drills: DrillsReport = about;
  if (cases.includes('rolling-restart')) {
    const rollingRestart = await measureRollingRestart(testbed, catalogue, seconds, say);
    drills = { ...drills, rollingRestart };
  }
  if (cases.includes('outages')) {
    drills = { ...drills, outages: await measureOutages(testbed, catalogue, cycles, say) };
  }
  if (cases.includes('limit')) {
    drills = { ...drills, limit: await measureLimit(testbed, say) };
  }
  if (cases.includes('addresses')) {
    drills = { ...drills, addresses: await measureAddresses(testbed, seconds, say) };
  }
  if (some('drills')) {
    tell('drills', drillsMarkdown(drills), drills, asDefault && all('drills'));
  }
}

/** Shows what was found out, and publishes it when it was measured as all that is published is. */
function tell(
  name: string,
  markdown: string,
  report: object | undefined,
  publish: boolean,
  pictures: Readonly<Record<string, string>> = {},
): void {
  console.log(`\n${markdown}`);
  if (publish) {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, `${name}.md`), markdown);
    if (report !== undefined) {
      writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
    }
    for (const [file, picture] of Object.entries(pictures)) {
      writeFileSync(join(RESULTS, file), picture);
    }
    say(`Published in bench/results/${name}.md`);
  } else {
    say(
      'Not published: bench/results is for runs of all rows, seconds and cycles, and of all cases of a report',
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
