import type { Agent } from 'node:http';

import { ask, faultOf, type PageRequest } from './page-request.js';
import type { Measured } from './summary.js';

/** One request and what came of it. */
export interface Sample<Request extends PageRequest = PageRequest> extends Measured {
  readonly request: Request;
  /** When it had to be sent, on the clock of `performance.now()`. */
  readonly due: number;
  /** Milliseconds from then to the end of the answer. */
  readonly latency: number;
  /** What the answer said of its cache; absent without an answer. */
  readonly cache?: string;
}

/** Sends a request now and measures it from when it was due. */
export async function measure<Request extends PageRequest>(
  url: string,
  request: Request,
  agent: Agent,
  due: number,
): Promise<Sample<Request>> {
  try {
    const answer = await ask(url + request.path, agent);
    const latency = performance.now() - due;
    const fault = faultOf(answer, request);
    return { request, due, latency, cache: answer.cache, ...(fault && { fault }) };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { request, due, latency: performance.now() - due, fault };
  }
}

/** The same, where an answer from a cache is a fault: PostgreSQL is to be measured. */
export function uncached<Request extends PageRequest>(sample: Sample<Request>): Sample<Request> {
  const { fault, cache } = sample;
  return fault !== undefined || cache === 'MISS'
    ? sample
    : { ...sample, fault: `an answer from a cache (${String(cache)})` };
}
