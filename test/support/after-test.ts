import { afterEach, beforeEach } from '@jest/globals';

/** What the current test has started; undefined between tests, where a spec stops by itself what it starts. */
let started: (() => Promise<unknown>)[] | undefined;

beforeEach(() => {
  started = [];
});

afterEach(async () => {
  const stops = started ?? [];
  started = undefined;
  await Promise.all(stops.map((stop) => stop()));
});

/**
 * Stops something after the test that started it. A test that fails half-way would leave it running, beside the next
 * test and the next attempt.
 */
export function stopAfterTest(stop: () => Promise<unknown>): void {
  started?.push(stop);
}
