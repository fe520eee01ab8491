import { Agent } from 'node:http';

import { atRate } from './pace.js';
import type { PageRequest } from './page-request.js';
import { measure, type Sample } from './sample.js';

/** Requests, where they go and how fast. */
export interface Load<Request extends PageRequest> {
  /** The replicas, which take turns. */
  readonly urls: readonly string[];
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly next: () => Request;
}

/** Beyond it requests wait for a connection, and the wait is part of their latency. */
const MOST_CONNECTIONS = 256;

/**
 * Sends requests at a constant rate, whatever becomes of the answers, and measures each from the moment
 * it was due: a service that stalls is charged for the requests that it kept from being answered in time.
 */
export async function sendLoad<Request extends PageRequest>({
  urls,
  rate,
  seconds,
  next,
}: Load<Request>): Promise<Sample<Request>[]> {
  // First in, first out: no connection idles until the service closes it.
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS, scheduling: 'fifo' });
  const samples = await atRate(
    rate,
    (sent) => sent < rate * seconds,
    (due, sent) => measure(urls[sent % urls.length] ?? '', next(), agent, due),
  );
  agent.destroy();
  return samples;
}
