import type { Reply } from './load.js';
import { type Route, ROUTES } from './traffic.js';

type Replies = readonly Reply[];

/** For each route how it is answered, and after that how else it may be. */
export type Outcomes = Readonly<Record<Route, readonly [string, ...string[]]>>;

/** Milliseconds by which a request has to be answered. */
export type Deadlines = Partial<Record<Route, number>> & { readonly others: number };

/** Those fields of the bodies that tell one outcome from another. */
interface Fields {
  readonly status?: string;
  readonly stale?: boolean;
  readonly asOf?: string;
  readonly type?: string;
  readonly details?: Readonly<Record<string, { status: string }>>;
}

/** What a busy machine may take beyond a deadline. */
const MARGIN_MS = 1000;

/** The replies to what was sent, and answered, between two moments on the clock of `performance.now()`. */
export function between(replies: Replies, from: number, until: number): Replies {
  return replies.filter(({ sentAt, ms }) => sentAt >= from && sentAt + ms < until);
}

/** Where the replies are not as expected: an answer that may not be, and one that is missing. */
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
 * The replies that came later than their route, or any other, may. `live` asks nothing of anyone: what it takes is
 * the machine's doing, and granted to the others for each of the processes that their answers come from.
 */
export function late(replies: Replies, deadlines: Deadlines): string[] {
  const machine = 3 * Math.max(...replies.map(({ route, ms }) => (route === 'live' ? ms : 0)));
  return replies
    .filter(({ route, ms }) => ms > (deadlines[route] ?? deadlines.others) + MARGIN_MS + machine)
    .map(({ route, ms }) => `${route}: ${Math.round(ms)} ms`);
}

/** In a word what a household or a partner has of it; all of it when the contract knows no such answer. */
function outcomeOf(reply: Reply): string {
  const { route, status, headers, body } = reply;
  const wordFor = route === 'health' ? report : ANSWERS.get(status);
  return wordFor?.(reply, parse(body)) ?? `${status} ${JSON.stringify(headers)} ${body}`;
}

type Word = (reply: Reply, fields: Fields) => string | undefined;

/** What a report says that is a 503. */
const DOWN = new Set(['error', 'shutting_down']);

/** The status of a report, and what is not up. */
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
