import type { Reply } from './load.js';
import { type Route, ROUTES } from './traffic.js';

type Replies = readonly Reply[];

/** For each route the required outcome, and then the other allowed ones. */
export type Outcomes = Readonly<Record<Route, readonly [string, ...string[]]>>;

/** Milliseconds within which a request must end. */
export type Deadlines = Partial<Record<Route, number>> & { readonly others: number };

/** The fields of a body that determine the outcome. */
interface Fields {
  readonly status?: string;
  readonly stale?: boolean;
  readonly asOf?: string;
  readonly type?: string;
  readonly details?: Readonly<Record<string, { status: string }>>;
}

/** Allowance for a busy machine. */
const MARGIN_MS = 1000;

/** The replies to requests that started and ended between two times of `performance.now()`. */
export function between(replies: Replies, from: number, until: number): Replies {
  return replies.filter(({ sentAt, ms }) => sentAt >= from && sentAt + ms < until);
}

/** The outcomes that are not allowed, and the required ones that are missing. */
export function deviations(replies: Replies, expected: Outcomes): string[] {
  return ROUTES.flatMap((name) => {
    const outcomes = new Set(replies.filter(({ route }) => route === name).map(outcomeOf));
    const [usual, ...others] = expected[name];
    const missing = outcomes.has(usual) ? [] : [`${name}: never ${usual}`];
    const wrong = [...outcomes].filter((outcome) => ![usual, ...others].includes(outcome));
    return [...missing, ...wrong.map((outcome) => `${name}: ${outcome}`)];
  });
}

/**
 * The replies that missed the deadline of their route. `/health/live` has no dependencies, so its latency is that of the
 * machine. Other routes get it as an allowance for each of the three processes that take part.
 */
export function late(replies: Replies, deadlines: Deadlines): string[] {
  const machine = 3 * Math.max(...replies.map(({ route, ms }) => (route === 'live' ? ms : 0)));
  return replies
    .filter(({ route, ms }) => ms > (deadlines[route] ?? deadlines.others) + MARGIN_MS + machine)
    .map(({ route, ms }) => `${route}: ${Math.round(ms)} ms`);
}

/** The outcome in a word; the whole reply if the contract does not allow it. */
function outcomeOf(reply: Reply): string {
  const { route, status, headers, body } = reply;
  const wordFor = route === 'health' ? report : ANSWERS.get(status);
  return wordFor?.(reply, parse(body)) ?? `${status} ${JSON.stringify(headers)} ${body}`;
}

type Word = (reply: Reply, fields: Fields) => string | undefined;

/** Statuses of a report with a 503. */
const DOWN = new Set(['error', 'shutting_down']);

/** The status of a report and the dependencies that are not up. */
const report: Word = ({ status, headers }, { status: word, details = {} }) => {
  const down = Object.keys(details).filter((name) => details[name]?.status !== 'up');
  return status === (word !== undefined && DOWN.has(word) ? 503 : 200) &&
    isOf('application/json', headers)
    ? [word, ...down].join(' ')
    : undefined;
};

const success: Word = ({ route, headers }, { status, stale, asOf }) => {
  const aged = headers.age === undefined ? undefined : 'stale';
  switch (route) {
    case 'listing':
    case 'unseen listing':
    case 'product':
    case 'unseen product':
      return headers['x-cache'] === 'STALE' ? aged : 'fresh';
    case 'availability':
    case 'unseen availability':
      return Number.isNaN(Date.parse(asOf ?? '')) ? undefined : stale === true ? aged : 'fresh';
    case 'event':
    case 'duplicate':
      return status;
    default:
      return 'ok';
  }
};

const refusal: Word = ({ headers }, { type }) =>
  isOf('application/problem+json', headers) &&
  type === 'urn:problem-type:farmlokal:dependency-unavailable' &&
  Number(headers['retry-after']) >= 1
    ? 'unavailable'
    : undefined;

const ANSWERS = new Map([
  [200, success],
  [503, refusal],
]);

function isOf(type: string, headers: Reply['headers']): boolean {
  return headers['content-type']?.startsWith(type) === true;
}

function parse(body: string): Fields {
  try {
    return JSON.parse(body) as Fields;
  } catch {
    return {};
  }
}
