import { locateExecutable } from './executable.js';
import { NodeGenerator } from './node-generator.js';
import type { Sending } from './page-request.js';
import type { Summary } from './summary.js';
import { WrkGenerator } from './wrk-generator.js';

/** A request as it is sent again and again. */
export interface GeneratedRequest extends Sending {
  readonly path: string;
}

export interface GeneratedLoad {
  readonly url: string;
  /** What is sent in this order, and then again from the first. */
  readonly requests: readonly GeneratedRequest[];
  /** Each has one request under way at a time. */
  readonly connections: number;
  readonly seconds: number;
  /**
   * Requests a second, whatever becomes of the answers, as long as a connection is free. Without it every
   * connection sends as soon as it is answered.
   */
  readonly rate?: number;
}

/**
 * What came of a load. Latencies last from sending to the end of the answer; an error is an answer that is no 2xx
 * or 3xx, or none within ten seconds.
 */
export interface Generated extends Summary {
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds that a request waited at most until a connection was free: what its latency leaves out. */
  readonly late: number;
}

/** Sends far more than one replica can answer, and leaves it most of the machine. */
export interface LoadGenerator {
  readonly name: string;
  run(load: GeneratedLoad): Promise<Generated>;
}

/** wrk where there is one, for it costs least; else autocannon, which costs more than what it measures. */
export function findLoadGenerator(): LoadGenerator {
  const wrk = locateExecutable('wrk');
  return wrk === undefined ? new NodeGenerator() : new WrkGenerator(wrk);
}
