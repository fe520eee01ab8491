import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { ask, faultOf, type PageRequest } from './page-request.js';

/** One request of a load and what came of it. */
export interface Sample<Request extends PageRequest = PageRequest> {
  readonly request: Request;
  /** Milliseconds from the start of the load to when the request was due. */
  readonly due: number;
  /** Milliseconds from when the request was due to the end of its answer. */
  readonly latency: number;
  readonly cache?: string;
  /** Absent when the answer was right. */
  readonly fault?: string;
}

export interface LoadOptions<Request extends PageRequest> {
  /** The replicas, which take turns. */
  readonly urls: readonly string[];
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly next: () => Request;
}

/** More requests than this at once wait for a connection, and the wait is part of their latency. */
const MOST_CONNECTIONS = 256;

/**
 * Sends requests at a constant rate, whatever becomes of the answers, and measures each from the moment
 * it was due: a service that stalls is charged for the requests that it kept from being sent in time.
 */
export async function sendLoad<Request extends PageRequest>({
  urls,
  rate,
  seconds,
  next,
}: LoadOptions<Request>): Promise<Sample<Request>[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS, scheduling: 'fifo' });
  const started = performance.now();
  const samples: Promise<Sample<Request>>[] = [];
  for (let count = 0; count < rate * seconds; count++) {
    const due = (count * 1000) / rate;
    for (let wait = due; wait > 0; wait = started + due - performance.now()) {
      if (wait !== due || count > 0) await sleep(Math.ceil(wait));
    }
    const url = urls[count % urls.length] ?? '';
    samples.push(measure(url, next(), agent, started, due));
  }
  const done = await Promise.all(samples);
  agent.destroy();
  return done;
}
