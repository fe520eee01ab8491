import { afterEach, beforeEach } from '@jest/globals';

/** Stops what the current test has started; undefined outside a test, where the spec itself does that. */
let stops: (() => Promise<unknown>)[] | undefined;

beforeEach(() => {
  stops = [];
});

afterEach(async () => {
  const all = stops ?? [];
  stops = undefined;
  await Promise.all(all.map((stop) => stop()));
});

/** Stops something after the current test, even if the test fails. Outside a test it does nothing. */
export function stopAfterTest(stop: () => Promise<unknown>): void {
  stops?.push(stop);
}
