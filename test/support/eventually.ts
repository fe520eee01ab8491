import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until `answer` gives something, and gives that; fails after `withinMs`. */
export async function eventually<Value>(
  response: () => Promise<Value | undefined>,
  withinMs = 15_000,
): Promise<Value> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await response();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs} ms`);
    await sleep(20);
  }
}
