import type { Addresses, Occupied } from './addresses.js';
import type { Limit, Limited } from './limit.js';
import type { Machine } from './machine.js';
import { faultList, ms, SUMMARY_HEAD, summaryRow, table, thousands } from './markdown.js';
import type { Outages } from './outages.js';
import type { Restarts, RollingRestart } from './rolling-restart.js';

/** All that a run has found out about operating the service; a drill that was not run is absent. */
export interface DrillsReport {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
  readonly rollingRestart?: RollingRestart;
  readonly outages?: Outages;
  readonly limit?: Limit;
  readonly addresses?: Addresses;
}

/** What is wanted of the service. */
const GOALS = {
  usualAfterSeconds: 10,
  /** The part of what it was that a replica's memory may differ by after outages. */
  memoryPart: 0.2,
  /** MiB that a replica may grow by, however many addresses there are: what it keeps of some, and what waits to be collected. */
  addressesMiB: 64,
};

type Row = readonly (string | number)[];

export function drillsMarkdown(report: DrillsReport): string {
  const { date, machine, rows, rollingRestart, outages, limit, addresses } = report;
  const { cores, memoryGiB, node, postgresql } = machine;
  return [
    "# Operator's drills",
    [
      `${thousands(rows)} products; ${cores} cores and ${memoryGiB} GiB shared by the replicas, PostgreSQL, Redis,`,
      `the partners (\`dev/partner-sandbox.ts\`), nginx and the load; Node ${node}, PostgreSQL ${postgresql}; ${date}.`,
      'Times are milliseconds unless said otherwise, measured from when a request was due.',
      'To repeat it: `npm run bench -- drills` (nginx has to be on the PATH).',
    ].join('\n'),
    table(
      ['what', 'goal', 'measured', 'met'],
      [
        ...(rollingRestart ? restartGoals(rollingRestart) : []),
        ...(outages ? outageGoals(outages) : []),
        ...(limit ? limitGoals(limit) : []),
        ...(addresses ? addressesGoals(addresses) : []),
      ],
    ),
    ...(rollingRestart ? restartSection(rollingRestart) : []),
    ...(outages ? outagesSection(outages) : []),
    ...(limit ? limitSection(limit) : []),
    ...(addresses ? addressesSection(addresses) : []),
  ]
    .join('\n\n')
    .concat('\n');
}

function goal(what: string, wanted: string, measured: string | number, met: boolean): Row {
  return [what, wanted, String(measured), met ? 'yes' : '**no**'];
}

function restartGoals({ watched }: RollingRestart): Row[] {
  const others = watched.exitCodes.filter((code) => code !== 0);
  return [
    goal('failed requests in a rolling restart', '0', watched.failed, watched.failed === 0),
    goal(
      'exit codes of the replicas',
      'all 0',
      others.length === 0 ? 'all 0' : others.join(', '),
      others.length === 0,
    ),
  ];
}

function restartSection({ rate, delay, watched, unwatched }: RollingRestart): string[] {
  const row = (name: string, restarts: Restarts): Row => [
    ...summaryRow(name, restarts),
    restarts.unread,
    restarts.sentAgain,
    restarts.exitCodes.length,
  ];
  return [
    `## Rolling restart, ${rate} requests/s`,
    [
      'Two replicas behind nginx, 70 % pages of the listing, 25 % products and 5 % webhooks, each on a connection of its own.',
      `One replica after the other is sent SIGTERM (\`SHUTDOWN_DELAY_MS\` ${delay}), waited for, and started again. nginx is told`,
      'as soon as `/health/ready` is no 200 any more, and when it is one again; and, for comparison, of nothing, so that a',
      'request may meet a replica that is gone or has yet to connect. *Unread* are errors of nginx alone: as it reads its',
      'configuration again, it closes connections that have not brought their request yet. *Sent again* is what nginx did of',
      'itself, by default with no POST that a replica may have read.',
    ].join('\n'),
    table(
      ['nginx', ...SUMMARY_HEAD, 'unread', 'sent again', 'restarts'],
      [row('is told', watched), row('is told nothing', unwatched)],
    ) +
      faultList(watched.faults) +
      faultList(
        Object.fromEntries(
          Object.entries(unwatched.faults).map(([fault, times]) => [
            `${fault} (told nothing)`,
            times,
          ]),
        ),
      ),
  ];
}

function outageGoals({ routes, outages, memory, faults }: Outages): Row[] {
  const errors = sumOf(routes.map(({ statuses }) => statuses['500'] ?? 0));
  const others = sumOf(Object.values(faults)) - errors;
  const late = sumOf(routes.map((route) => route.late));
  const cached = routes.find(({ route }) => route === 'cached page');
  const unserved = (cached?.requests ?? 0) - (cached?.statuses['200'] ?? 0);
  const slowest = Math.max(...outages.flatMap(({ usualAfter }) => usualAfter));
  const changes = memory.map((looks) => (looks.at(-1) ?? NaN) / (looks[0] ?? NaN) - 1);
  return [
    goal('500s in outages', '0', errors, errors === 0),
    goal('answers that no outage excuses, besides', '0', others, others === 0),
    goal('answers more than 100 ms past their deadline', '0', late, late === 0),
    goal('cached pages not served', '0', unserved, unserved === 0),
    goal(
      'all routes as usual after an outage, at the latest',
      `≤ ${GOALS.usualAfterSeconds} s`,
      `${slowest} s`,
      slowest <= GOALS.usualAfterSeconds,
    ),
    goal(
      "change of the replicas' memory over all cycles",
      `≤ ${100 * GOALS.memoryPart} %`,
      changes.map((change) => `${Math.round(100 * change)} %`).join(', '),
      changes.every((change) => Math.abs(change) <= GOALS.memoryPart),
    ),
  ];
}

function outagesSection({ rate, cycles, routes, outages, memory, faults }: Outages): string[] {
  const statuses = [...new Set(routes.flatMap((route) => Object.keys(route.statuses)))].sort();
  return [
    `## Outages, ${rate} requests/s`,
    [
      `Two replicas and ${cycles} cycles in which Redis, PostgreSQL and API A are each killed and revived, then frozen (connections`,
      'stay open and nothing answers) and revived. A cached page is one of 50 that are asked for all the time; any page is one that',
      'hardly ever was. Deadlines: what Redis may cost is 100 ms; a page that is at hand is served after a second without an',
      'answer from PostgreSQL; a read waits 10 s for a connection and 5 s for the statement; an availability takes 3 s and a webhook 4 s.',
      'In an outage 503 (and 409 for a webhook whose first try is under way) is allowed; status 0 is no answer at all.',
    ].join('\n'),
    table(
      ['route', 'requests', ...statuses, 'deadline', 'late', 'P50', 'max'],
      routes.map((route) => [
        route.route,
        thousands(route.requests),
        ...statuses.map((status) => thousands(route.statuses[status] ?? 0)),
        thousands(route.deadline),
        route.late,
        ms(route.p50),
        ms(route.max),
      ]),
    ) + faultList(faults),
    'While it lasted: the part of the requests to each route that was answered with 200, and the slowest answer of all.',
    table(
      ['outage', 'seconds', ...routes.map(({ route }) => route)],
      outages.map(({ name, seconds, routes: during }) => [
        name,
        seconds,
        ...Object.values(during).map(
          ({ answered, max }) =>
            `${(100 * answered).toFixed(answered === 1 ? 0 : 1)} %, ${thousands(max)}`,
        ),
      ]),
    ),
    'Seconds from the end of an outage to the last answer that was not as usual (a 503, a `degraded`, a `"stale": true`), in each cycle.',
    table(
      ['outage', ...Array.from({ length: cycles }, (_, nth) => `cycle ${nth + 1}`)],
      outages.map(({ name, usualAfter }) => [name, ...usualAfter.map((time) => time.toFixed(2))]),
    ),
    'Memory of the replicas (resident set, MiB). Before the first cycle each had filled the cache that it keeps of pages.',
    table(
      [
        'replica',
        'before',
        ...Array.from({ length: cycles }, (_, nth) => `after cycle ${nth + 1}`),
      ],
      memory.map((looks, nth) => [nth + 1, ...looks]),
    ),
  ];
}

function limitGoals({ limit, requests, together, apart }: Limit): Row[] {
  const { 200: accepted = 0, 429: refused = 0 } = together.statuses;
  const failed = sumOf(
    Object.entries(apart.statuses).map(([status, times]) =>
      status === '200' || status === '429' ? 0 : times,
    ),
  );
  const most = Math.max(...apart.accepted);
  return [
    goal(
      'requests of one address that replicas let through together',
      String(limit),
      accepted,
      accepted === limit && refused === requests - limit,
    ),
    goal('anything but 200 and 429 with Redis killed half-way', '0', failed, failed === 0),
    goal('the most that a replica then lets through', `≤ ${limit}`, most, most <= limit),
  ];
}

function limitSection({ limit, requests, clients, together, apart }: Limit): string[] {
  const row = (name: string, { statuses, accepted }: Limited): Row => [
    name,
    ...['200', '429'].map((status) => thousands(statuses[status] ?? 0)),
    thousands(sumOf(Object.values(statuses)) - (statuses['200'] ?? 0) - (statuses['429'] ?? 0)),
    ...accepted,
  ];
  return [
    `## The limit of ${limit} requests a minute`,
    `${clients} clients at one address send ${thousands(requests)} requests to ${together.accepted.length} replicas.`,
    table(
      [
        'Redis',
        '200',
        '429',
        'other',
        ...together.accepted.map((_, nth) => `200 by replica ${nth + 1}`),
      ],
      [row('up', together), row('killed half-way to the limit', apart)],
    ),
  ];
}

function addressesGoals({ count, redisLimit, withRedis, withoutRedis }: Addresses): Row[] {
  const grown = ({ replica }: Occupied): number => Math.max(...replica) - (replica[0] ?? NaN);
  const bounded = (what: string, occupied: Occupied): Row =>
    goal(
      what,
      `≤ ${GOALS.addressesMiB} MiB`,
      `${grown(occupied)} MiB`,
      grown(occupied) <= GOALS.addressesMiB,
    );
  const used = Math.max(...withRedis.redis);
  const answered = [withRedis, withoutRedis].map(({ statuses }) => statuses['200'] ?? 0);
  return [
    goal(
      `addresses let through, of ${thousands(count)}`,
      'all',
      answered.map(thousands).join(' and '),
      answered.every((times) => times === count),
    ),
    bounded('growth of a replica for as many addresses', withRedis),
    bounded('the same with Redis gone', withoutRedis),
    goal(
      'memory of Redis, whose maxmemory it is',
      `≤ ${redisLimit} MiB`,
      `${used} MiB`,
      used <= redisLimit,
    ),
  ];
}

function addressesSection({ count, withRedis, withoutRedis }: Addresses): string[] {
  const [, ...parts] = withRedis.replica;
  const row = (name: string, looks: readonly number[], { perSecond }: Occupied): Row => [
    name,
    ...looks,
    thousands(perSecond),
  ];
  return [
    `## ${thousands(count)} addresses`,
    'One replica behind a proxy that it trusts, each request from another address (`X-Forwarded-For`), as fast as they are answered. MiB; what a replica occupies goes up and down as it collects what it no longer needs.',
    table(
      [
        'what',
        'before',
        ...parts.map(
          (_, nth) => `after ${thousands(Math.round((count * (nth + 1)) / parts.length))}`,
        ),
        'requests/s',
      ],
      [
        row('the replica, counting in Redis', withRedis.replica, withRedis),
        row('Redis (`used_memory`)', withRedis.redis, withRedis),
        row('the replica, with Redis gone', withoutRedis.replica, withoutRedis),
      ],
    ),
  ];
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
