import { Agent } from 'node:http';

import type { GeneratedRequest } from './load-generator.js';
import { ask } from './page-request.js';
import { type Replica, TestbedError } from './testbed.js';

/** How far the pages of another program may be from the service's, for their numbers to be compared. */
const MOST_DIFFERENCE = 0.05;

/**
 * Makes sure that all of them answer with a page, and gives the bytes of the first one.
 *
 * @throws TestbedError when they do not send the same, or about as much.
 */
export async function samePage(
  request: GeneratedRequest,
  replicas: readonly Replica[],
): Promise<number> {
  const agent = new Agent();
  const answers = await Promise.all(
    replicas.map(({ url }) => ask(url + request.path, agent, request)),
  );
  agent.destroy();
  const [first = 0, ...others] = answers.map(({ status, body }) =>
    status === 200 ? body.length : 0,
  );
  if (!others.every((bytes) => Math.abs(bytes / first - 1) <= MOST_DIFFERENCE)) {
    throw new TestbedError(
      `${request.path} is not the same everywhere: ${[first, ...others].join(', ')} bytes`,
    );
  }
  return first;
}
