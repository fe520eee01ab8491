import type { Agent } from 'node:http';

import { type Answer, ask, type Sending } from './page-request.js';
import type { Measured } from './summary.js';

export const ROUTES = [
  'cached page',
  'any page',
  'product',
  'availability',
  'new webhook',
  'webhook again',
  '/health/live',
  '/health/ready',
  '/health',
  '/metrics',
] as const;
export type Route = (typeof ROUTES)[number];

/** A request, and what has to come back. */
export interface Call extends Sending {
  readonly route: Route;
  readonly path: string;
  /** What is wrong with an answer, on a day on which nothing is. */
  readonly faultOf: (answer: Answer) => string | undefined;
}

/** A call that was sent, and what came of it. */
export interface Outcome extends Measured {
  readonly route: Route;
  /** When it had to be sent, on the clock of `performance.now()`. */
  readonly due: number;
  /** 0 without an answer. */
  readonly status: number;
}

/** Sends a call now and measures it from when it was due. */
export async function place(
  url: string,
  { route, path, faultOf, ...sending }: Call,
  agent: Agent,
  due: number,
): Promise<Outcome> {
  try {
    const answer = await ask(url + path, agent, sending);
    const latency = performance.now() - due;
    const fault = faultOf(answer);
    return { route, due, latency, status: answer.status, ...(fault && { fault }) };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return { route, due, latency: performance.now() - due, status: 0, fault };
  }
}
