import { sendIsolated } from '../../load/isolated-sender.js';
import type { SenderResult } from '../../load/sender-process.js';
import { median } from '../../statistics.js';
import { TestbedError } from '../../testbed.js';
import type { Kind } from './kinds.js';

/** Offered load as multiples of the capacity. */
export const MULTIPLES = [0.5, 1, 2, 3, 5] as const;
export type Multiple = (typeof MULTIPLES)[number];

export type KindResult = Awaited<ReturnType<typeof measureKind>>;

export const CLOSED_RUNS = 3;
export const CLOSED_CONNECTIONS = 64;
export const OPEN_CONNECTIONS = 2000;
/** Requests that are prepared for a closed loop, if each has to be new: more than a replica can answer. */
const MAX_PER_SECOND = 15_000;

/**
 * Measures the capacity, several loads, and the capacity again, each in accepted responses a second.
 *
 * @throws TestbedError when a request that has to be new was sent twice.
 */
export async function measureKind(kind: Kind, seconds: number, log: (line: string) => void) {
  const { name, description, url } = kind;
  const closedSeconds = Math.ceil(seconds / 2);
  const closedResults: SenderResult[] = [];
  const measureRate = async (): Promise<number> => {
    const prepared = closedSeconds * MAX_PER_SECOND;
    const closed = { url, requests: kind.requests(prepared), connections: CLOSED_CONNECTIONS };
    const result = await sendIsolated({ ...closed, seconds: closedSeconds });
    if (!kind.repeatable && result.sent > prepared) {
      throw new TestbedError(`${name}: a replica accepts more than ${MAX_PER_SECOND} a second.`);
    }
    closedResults.push(result);
    log(`${name}: closed loop ${Math.round(result.perSecond)}/s`);
    return result.perSecond;
  };
  await measureRate(); // Warms everything up.
  const rates: number[] = [];
  for (let run = 0; run < CLOSED_RUNS; run += 1) rates.push(await measureRate());
  const capacity = median(rates);

  const loads: Partial<Record<Multiple, SenderResult>> = {};
  for (const multiple of MULTIPLES) {
    const rate = multiple * capacity;
    const requests = kind.requests(Math.ceil(rate * seconds));
    const open = { url, requests, connections: OPEN_CONNECTIONS };
    const load = await sendIsolated({ ...open, seconds, rate });
    loads[multiple] = load;
    const { perSecond, refusals, faults } = load;
    const details = `goodput ${Math.round(perSecond)}/s, ${JSON.stringify({ refusals, faults })}`;
    log(`${name}: ${multiple} times the capacity: ${details}`);
  }
  const capacityAfter = await measureRate();
  const results = { closedResults, loads: loads as Record<Multiple, SenderResult> };
  return { name, description, capacity, capacityAfter, ...results };
}
