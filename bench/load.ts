import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

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
  const started = performance.now();
  const samples: Promise<Sample<Request>>[] = [];
  for (let count = 0; count < rate * seconds; count++) {
    const due = started + (count * 1000) / rate;
    while (performance.now() < due) {
      await sleep(Math.ceil(due - performance.now()));
    }
    samples.push(measure(urls[count % urls.length] ?? '', next(), agent, due));
  }
  const done = await Promise.all(samples);
  agent.destroy();
  return done;
}
