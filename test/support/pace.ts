import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Sends at a constant rate, even while results are slow, while `goesOn` returns true.
 *
 * @returns the results, in the order of sending.
 */
export async function atRate<Result>(
  rate: number,
  goesOn: (sent: number) => boolean,
  send: (due: number, sent: number) => Promise<Result>,
): Promise<Result[]> {
  const started = performance.now();
  const results: Promise<Result>[] = [];
  for (let sent = 0; goesOn(sent); sent++) {
    const due = started + (sent * 1000) / rate;
    while (performance.now() < due) {
      await sleep(Math.ceil(due - performance.now()));
    }
    results.push(send(due, sent));
  }
  return await Promise.all(results);
}
