import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `read` until it returns a value, and returns that value. Fails after `withinMs`. */
export async function eventually<Value>(
  read: () => Promise<Value | undefined>,
  withinMs = 15_000,
): Promise<Value> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs} ms`);
    await sleep(20);
  }
}
