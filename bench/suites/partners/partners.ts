import { setTimeout as sleep } from 'node:timers/promises';

import { Environment } from '../../../src/config/environment.js';
import { RESET_MS } from '../../../src/external/inventory-breaker.js';
import { RETRIES_PER_REQUEST } from '../../../src/external/inventory-client.js';
import { Load, type Outcome } from '../../load/load.js';
import { expectField, Pages } from '../../pages.js';
import { atMost, never } from '../../report/report.js';
import { latencyCells, LATENCY_HEAD, thousands } from '../../report/report.js';
import { countBy, latencyOf } from '../../statistics.js';
import type { Bench, Suite } from '../../suite.js';

const { INVENTORY_DEADLINE_MS, INVENTORY_TIMEOUT_MS } = new Environment();
/** The breaker stays open, then one attempt closes it. */
const LIVE_AFTER_S = (RESET_MS + INVENTORY_TIMEOUT_MS) / 1000;
/** Long enough for the breaker to close and to forget failures. */
const RECOVERY_MS = 3 * RESET_MS;
/** Requests a second for products whose stock is known; as many for products that are requested once. */
const STOCK_RATE = 50;
const KNOWN_PRODUCTS = 500;
const PAGE_RATE = 200;
/** The part of `--seconds` that each phase lasts. */
const PART = 1 / 5;
/** Longer phases would need more products than the smallest catalog has. */
const MAX_SECONDS = 60;
const POLL_MS = 50;

type Outcomes = readonly Outcome[];

export const partners: Suite = {
  summary: 'stock and pages while the inventory fails, hangs and comes back',
  minutes: 2,
  run: async (bench) => {
    const seconds = Math.min(MAX_SECONDS, Math.ceil(bench.seconds * PART));
    const { failing, attemptRatio, known, unknown, pages, phases, trials } = await measurePhases(
      bench,
      seconds,
    );
    const [responds, closed, open, back] = phases;
    const stock = [...known, ...unknown];
    const live = back.of(stock).filter(({ fault }) => fault === undefined);
    const liveAt = Math.min(...live.map(({ dueAt, latency }) => dueAt + latency));
    const without = known.filter((o) => o.status !== 200 && o.dueAt >= responds.from);
    const slowest = latencyOf(closed.of(stock)).max;
    const openP95 = latencyOf(open.of(stock)).p95;
    const pageP95 = latencyOf([...closed.of(pages), ...open.of(pages)]).p95;
    return {
      title: 'Partners that fail',
      method: `API A is the sandbox's (\`dev/partner-sandbox.ts\`). Requests are sent at a constant rate: ${STOCK_RATE}/s for the stock of products whose stock is known, ${STOCK_RATE}/s for the stock of products that are requested once, ${PAGE_RATE}/s for pages. Latency counts from when a request was due.`,
      goals: [
        atMost(1 + RETRIES_PER_REQUEST, '', 'attempts per request, half failing', attemptRatio),
        never('responses without stock although it is known', without.length),
        atMost(INVENTORY_DEADLINE_MS, ' ms', 'slowest stock while API A hangs', slowest),
        atMost(10, ' ms', 'stock while the breaker is open, P95', openP95),
        atMost(LIVE_AFTER_S, ' s', 'first live stock after the hang', (liveAt - back.from) / 1000),
        atMost(25, ' ms', 'pages while API A hangs, P95', pageP95),
      ],
      sections: [
        {
          title: 'Phases',
          text: `For ${seconds} s API A responds to every second attempt with 503. Later it responds for ${seconds} s and then hangs; the breaker opens ${((open.from - closed.from) / 1000).toFixed(2)} s later. API A is back ${seconds} s after that. While the breaker was open, API A got ${trials} trial requests. Normal: current stock, or the right page.`,
          head: `phase: requests | normal | stale | 503 | other | ${LATENCY_HEAD}`,
          rows: [
            row('every second attempt fails: unknown stock', failing),
            ...phases.map((phase) => row(`${phase.name}: known stock`, phase.of(known))),
            ...phases.map((phase) => row(`${phase.name}: unknown stock`, phase.of(unknown))),
            ...phases.map((phase) => row(`${phase.name}: pages`, phase.of(pages))),
          ],
        },
      ],
    };
  },
};

async function measurePhases({ testbed, catalog, log }: Bench, seconds: number) {
  const sandbox = await testbed.startSandbox();
  const { url } = await testbed.startReplica(sandbox.environment());
  const attempts = async () => (await sandbox.state()).inventory.counts.requests;
  const ids = await catalog.ids(20_000);
  const knownIds = ids.splice(0, KNOWN_PRODUCTS);
  const stockOf = (id = '') => {
    return { path: `/api/products/${id}/availability`, check: expectField('stale', [false]) };
  };
  const startUnknown = () => new Load({ url, rate: STOCK_RATE, next: () => stockOf(ids.pop()) });

  log('partners: API A fails every second attempt');
  await sandbox.switch('inventory', { errorRate: 0.5, errorStatus: 503 });
  const attemptsAtStart = await attempts();
  const failingLoad = startUnknown();
  await sleep(seconds * 1000);
  const failing = await failingLoad.stop();
  const attemptRatio = ((await attempts()) - attemptsAtStart) / failing.length;
  await sandbox.switch('inventory', { errorRate: 0 });
  await sleep(RECOVERY_MS);

  log('partners: API A responds, hangs, and is back');
  let nth = 0;
  const nextKnown = () => stockOf(knownIds[nth++ % KNOWN_PRODUCTS]);
  const known = new Load({ url, rate: STOCK_RATE, next: nextKnown });
  await sleep((1000 * KNOWN_PRODUCTS) / STOCK_RATE);
  const unknown = startUnknown();
  const allPages = await Pages.of(catalog);
  const pages = new Load({ url, rate: PAGE_RATE, next: () => allPages.next() });
  const respondsAt = performance.now();
  await sleep(seconds * 1000);
  const hangsAt = performance.now();
  await sandbox.switch('inventory', { hang: true });
  while (!(await isBreakerOpen(url))) await sleep(POLL_MS);
  const opensAt = performance.now();
  const attemptsWhenOpened = await attempts();
  await sleep(seconds * 1000);
  const backAt = performance.now();
  const trials = (await attempts()) - attemptsWhenOpened;
  await sandbox.switch('inventory', { hang: false });
  await sleep(RECOVERY_MS);
  const stopped = { known: await known.stop(), unknown: await unknown.stop() };
  const loads = { ...stopped, pages: await pages.stop() };
  await testbed.stopReplicas();
  await sandbox.stop();
  const phase = (name: string, from: number, until: number) => ({
    ...{ name, from },
    of: (all: Outcomes) => all.filter(({ dueAt }) => dueAt >= from && dueAt < until),
  });
  const phases = [
    phase('API A responds', respondsAt, hangsAt),
    phase('API A hangs, breaker closed', hangsAt, opensAt),
    phase('API A hangs, breaker open', opensAt, backAt),
    phase('API A is back', backAt, Infinity),
  ] as const;
  return { failing, attemptRatio, ...loads, phases, trials };
}

function row(name: string, outcomes: Outcomes) {
  const counts = countBy(outcomes.map(({ fault }) => fault ?? 'live'));
  const { live = 0, 'stale: true': stale = 0, 'status 503': none = 0 } = counts;
  const cells = [live, stale, none, outcomes.length - live - stale - none].map(thousands);
  return [name, ...cells, ...latencyCells(latencyOf(outcomes))];
}

async function isBreakerOpen(url: string): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return metrics.includes('farmlokal_breaker_state{dependency="inventory",state="open"} 1');
}
