import { Environment } from '../../../src/config/environment.js';
import { REDIS_COMMAND_TIMEOUT_MS } from '../../../src/redis/redis-connection.js';
import { REDIS_BUDGET_MS, SOFT_TIMEOUT_MS } from '../../../src/response-cache/response-loader.js';
import { WEBHOOK_DEADLINE_MS } from '../../../src/webhooks/webhooks.service.js';
import type { Outcome } from '../../load/load.js';
import { atMost, never, type Findings, ms, thousands } from '../../report/report.js';
import { countBy, faultsOf, groupBy, latencyOf } from '../../statistics.js';
import { OUTAGE_RATE, type Outages } from './outages.js';
import { type Route, ROUTES, type RoutedRequest } from './traffic.js';

const { DATABASE_STATEMENT_TIMEOUT_MS, INVENTORY_DEADLINE_MS } = new Environment();
/** What Redis may cost a request: the rate limit, and the response cache. */
const REDIS_MS = REDIS_COMMAND_TIMEOUT_MS + REDIS_BUDGET_MS;
/** How long a probe of Kubernetes waits by default. */
const PROBE_MS = 1000;
/** The load shares the cores with the service, so that a response may be measured late. */
const TOLERANCE_MS = 100;

/** Milliseconds within which each route has to respond in every outage. */
const DEADLINES: Readonly<Record<Route, number>> = {
  'cached page': SOFT_TIMEOUT_MS + REDIS_MS,
  'any page': DATABASE_STATEMENT_TIMEOUT_MS + REDIS_MS,
  product: DATABASE_STATEMENT_TIMEOUT_MS + REDIS_MS,
  availability: INVENTORY_DEADLINE_MS,
  'new webhook': WEBHOOK_DEADLINE_MS + REDIS_MS,
  'repeated webhook': WEBHOOK_DEADLINE_MS + REDIS_MS,
  '/health/live': PROBE_MS,
  '/health/ready': PROBE_MS,
  '/health': PROBE_MS,
  '/metrics': PROBE_MS,
};

export function reportOutages({ outcomes, outages, cycles, memory }: Outages): Findings {
  const of = (route: Route, all = outcomes) => all.filter(({ request }) => request.route === route);
  const late = outcomes.filter(
    ({ request, latency }) => latency > DEADLINES[request.route] + TOLERANCE_MS,
  );
  const errors = outcomes.filter(({ status }) => status === 500);
  const forbidden = outcomes.filter(isForbidden);
  const unserved = of('cached page').filter(({ status }) => status !== 200);
  const changes = memory.map(({ before, after }) => 100 * Math.abs(after / before - 1));
  const slowestRecovery = Math.max(...outages.map(({ recovery }) => recovery));
  const statuses = Object.keys(countBy(outcomes.map(({ status }) => status)));
  return {
    goals: [
      never('responses 500 in outages', errors.length),
      never('responses that no outage allows', forbidden.length),
      never(`responses more than ${TOLERANCE_MS} ms after their deadline`, late.length),
      never('cached pages that were not served', unserved.length),
      atMost(10, ' s', 'recovery of all routes after an outage', slowestRecovery),
      atMost(20, ' %', 'change of the memory of a replica over all cycles', Math.max(...changes)),
    ],
    sections: [
      {
        title: `Outages, ${OUTAGE_RATE} requests/s`,
        text: `Two replicas and ${cycles} cycles, in which Redis, PostgreSQL and API A are each killed and restarted, then frozen (connections stay open, nothing responds) and resumed. A cached page is one of 100 that are requested all the time; any page is at a random position. During an outage 503 is allowed, and 409 for a webhook whose first request is still in progress. Status 0: no response.`,
        head: `route | requests | ${statuses.join(' | ')} | deadline, ms | late | P50, ms | max, ms`,
        rows: ROUTES.map((route) => {
          const counts = countBy(of(route).map(({ status }) => status));
          const { p50, max } = latencyOf(of(route));
          return [
            ...[route, thousands(of(route).length)],
            ...statuses.map((status) => thousands(counts[status] ?? 0)),
            ...[thousands(DEADLINES[route]), of(route, late).length, ms(p50), ms(max)],
          ];
        }),
        faults: faultsOf(forbidden),
      },
      {
        title: 'During each outage',
        text: 'The share of requests with a response 200, and the slowest response in ms. Recovery: the longest time from the end of the outage to the last response that was not normal (a 503, `degraded` or `"stale": true`).',
        head: `outage | recovery, s | ${ROUTES.join(' | ')}`,
        rows: [...groupBy(outages, ({ name }) => name)].map(([name, own]) => {
          const during = own.flatMap((outage) => outage.outcomes);
          const recovery = Math.max(...own.map((outage) => outage.recovery));
          const cells = ROUTES.map((route) => shareAndMax(of(route, during)));
          return [name, recovery.toFixed(2), ...cells];
        }),
      },
    ],
  };
}

function shareAndMax(outcomes: readonly Outcome[]): string {
  const ok = outcomes.filter(({ status }) => status === 200);
  const percent = (100 * ok.length) / outcomes.length;
  return `${percent.toFixed(1)} %, ${ms(latencyOf(outcomes).max)}`;
}

/** Whether no outage allows the response. */
function isForbidden({ status, fault }: Outcome<RoutedRequest>): boolean {
  if (fault === undefined || status === 409 || status === 503) return false;
  return status !== 200 || (fault !== 'stale: true' && fault !== 'status: degraded');
}
