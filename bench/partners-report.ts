import type { FailingInventory } from './failing-inventory.js';
import { atLeast, atMost, GOAL_HEAD, met } from './goals.js';
import type { InventoryOutage, Questions } from './inventory-outage.js';
import type { ListingBesideOutage } from './listing-beside-outage.js';
import type { Machine } from './machine.js';
import { faultList, ms, table, thousands } from './markdown.js';
import type { Moment, OneToken } from './one-token.js';
import type { Partners } from './partners.js';
import { percentile } from './summary.js';

/** All that a run has found out about the service beside partners that fail. */
export interface PartnersReport extends Partners {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
}

/** What is wanted of the service; milliseconds where nothing else is said. */
const GOALS = {
  listingRatio: 0.9,
  deadline: 3000,
  openP95: 10,
  /** The breaker's pause, and the attempt that ends it or another. */
  liveAfterSeconds: 6,
  requestRatio: 1.2,
  acrossExpiry: 50,
};

export function toMarkdown(report: PartnersReport): string {
  const { date, machine, rows, listing, outage, failing, token } = report;
  const { cores, memoryGiB, node, postgresql } = machine;
  return [
    '# The service beside partners that fail',
    [
      `${thousands(rows)} products; ${cores} cores and ${memoryGiB} GiB shared by the service, PostgreSQL, Redis,`,
      `the partners (\`dev/partner-sandbox.ts\`) and the load; Node ${node}, PostgreSQL ${postgresql}; ${date}.`,
      'Times are milliseconds unless said otherwise; all settings of the service are its defaults.',
      'To repeat it: `npm run bench -- partners`.',
    ].join('\n'),
    goalTable(report),
    ...listingSection(listing),
    ...outageSection(outage),
    ...failingSection(failing),
    ...tokenSection(token),
  ]
    .join('\n\n')
    .concat('\n');
}

function goalTable({ listing, outage, failing, token }: PartnersReport): string {
  const { noticing, open, liveAfter } = outage;
  const once = ({ requests }: Moment) => requests.every((count) => count === 1);
  const seen = ({ requests }: Moment) => [...new Set(requests)].sort().join(', ');
  return table(GOAL_HEAD, [
    atLeast(
      'listing beside a hanging API A, of that beside a healthy one',
      listing.ratio,
      GOALS.listingRatio,
    ),
    atMost('slowest stock before the breaker opens', noticing.all.max, GOALS.deadline, ' ms'),
    atMost('P95 of stock while it is open', open.all.p95, GOALS.openP95, ' ms'),
    atMost('first live answer after API A is back', liveAfter, GOALS.liveAfterSeconds, ' s'),
    atMost(
      'requests for each question, half of them failing',
      failing.cold.ratio,
      GOALS.requestRatio,
    ),
    atMost(
      'the same after a healthy time, which counts in',
      failing.warm.overall,
      GOALS.requestRatio,
    ),
    atMost('the same after a healthy time, which does not', failing.warm.ratio, GOALS.requestRatio),
    ['token requests from cold', '1', seen(token.cold), met(once(token.cold))],
    ['token requests across an expiry', '1', seen(token.expiry), met(once(token.expiry))],
    atMost(
      'slowest caller across an expiry',
      Math.max(...token.expiry.slowest),
      GOALS.acrossExpiry,
      ' ms',
    ),
  ]);
}

function listingSection(listing: ListingBesideOutage): string[] {
  const { connections, rate, seconds, turns, healthy, noticing, hanging, ratio, faults } = listing;
  return [
    '## The listing beside a hanging API A',
    [
      `Pages a second of one replica that ${connections} clients ask without a pause, each for 20 products; four`,
      'requests of five are for one of 100 popular pages, which are mostly in its caches.',
      `Meanwhile the stock of products is asked for ${rate} times a second, half of them known (the inventory has`,
      `answered about them before). API A answers and hangs in turns, ${seconds} s each, not counting the time in`,
      `which the breaker notices. Hanging to healthy, of the medians: ${ratio.toFixed(3)}.`,
    ].join('\n'),
    table(
      [
        'turn',
        'API A answers',
        'hangs, breaker yet closed',
        'hangs, breaker open',
        'ratio',
        'opened after',
        'closed after',
      ],
      [
        ...turns.map((turn, nth) => [
          nth + 1,
          thousands(turn.healthy),
          thousands(turn.noticing),
          thousands(turn.hanging),
          (turn.hanging / turn.healthy).toFixed(3),
          inSeconds(turn.openedAfter),
          inSeconds(turn.closedAfter),
        ]),
        ['**median**', ...[healthy, noticing, hanging].map(thousands), ratio.toFixed(3), '', ''],
      ],
    ) + faultList(faults),
  ];
}

function outageSection(outage: InventoryOutage): string[] {
  const { rate, seconds, healthy, noticing, open, faults } = outage;
  return [
    '## The stock while API A hangs',
    [
      `${rate} questions a second, half of them about known products, measured from when they were due. API A has`,
      `answered all of them for ${seconds} s when it begins to hang; ${inSeconds(outage.openedAfter)} later the breaker opens, and ${seconds} s after`,
      `that API A is back. The first live answer comes ${inSeconds(outage.liveAfter)} later. While the breaker was open API A received`,
      `${outage.requestsWhileOpen} requests, its trials: they are among all in the table, and once more by themselves.`,
    ].join('\n'),
    table(
      ['API A', ...QUESTIONS_HEAD],
      [
        questionsRow('answers', healthy),
        questionsRow('hangs, breaker yet closed: all', noticing.all),
        questionsRow('... about known products', noticing.known),
        questionsRow('... about unknown ones', noticing.unknown),
        questionsRow('hangs, breaker open: all', open.all),
        questionsRow('... about known products', open.known),
        questionsRow('... about unknown ones', open.unknown),
        ...(open.trials.requests > 0 ? [questionsRow('... the trials alone', open.trials)] : []),
      ],
    ) + faultList(faults),
  ];
}

const QUESTIONS_HEAD = ['questions', 'live', 'stale', '503', 'errors', 'P50', 'P95', 'P99', 'max'];

function questionsRow(name: string, questions: Questions): (string | number)[] {
  const { requests, outcomes, errors, p50, p95, p99, max } = questions;
  const { live, stale, unavailable } = outcomes;
  return [
    name,
    ...[requests, live, stale, unavailable, errors].map(thousands),
    ...[p50, p95, p99, max].map(ms),
  ];
}

function failingSection(failing: FailingInventory): string[] {
  const { rate, seconds, healthySeconds, cold, warm, faults } = failing;
  const row = (
    name: string,
    { requests, sent, ratio, overall, answered, opened, p50, p95, max }: typeof cold,
  ) => [
    name,
    thousands(requests),
    thousands(sent),
    ratio.toFixed(3),
    overall.toFixed(3),
    `${(100 * answered).toFixed(1)} %`,
    opened,
    ...[p50, p95, max].map(ms),
  ];
  return [
    '## API A failing at every second request',
    [
      `${rate} questions a second for ${seconds} s, each about another product that nobody has asked about before; API A`,
      'answers every second request with 503. Retries are paid for by the questions of the last seconds: after a',
      `healthy time (here ${healthySeconds} s) some are saved up.`,
    ].join('\n'),
    table(
      [
        'the replica',
        'questions',
        'requests',
        'ratio',
        'with the time before',
        'answered 200',
        'breaker opened',
        'P50',
        'P95',
        'max',
      ],
      [row('has just started', cold), row('has had good answers before', warm)],
    ) + faultList(faults),
  ];
}

function tokenSection({
  processes,
  callers,
  latency,
  life,
  cold,
  expiry,
  faults,
}: OneToken): string[] {
  const row = (name: string, moment: Moment) => {
    const sorted = [...moment.slowest].sort((a, b) => a - b);
    return [
      name,
      thousands(moment.callers),
      Math.min(...moment.requests),
      Math.max(...moment.requests),
      ...[0, 0.5, 1].map((part) => ms(percentile(sorted, part))),
    ];
  };
  return [
    '## One token',
    [
      `${processes} processes of ${callers} callers at the same instant, ${cold.requests.length} times: from cold, and at the end of what the token`,
      `is used for, with another caller every 5 ms in between. A token lives ${life} s and the provider takes ${latency} ms.`,
    ].join('\n'),
    table(
      ['', 'callers', 'fewest requests', 'most', 'slowest caller, best', 'median', 'worst'],
      [row('from cold', cold), row('across the expiry', expiry)],
    ) + faultList(faults),
  ];
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(2)} s`;
}
