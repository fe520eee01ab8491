import { randomInt } from 'node:crypto';

import { type HttpResponse, httpFetch, type ProblemBody } from './http.js';
import type { Service } from './service.js';

/** Requests that {@link countStatuses} keeps in flight. */
const CONCURRENCY = 8;

/** An address that, in all likelihood, no other client of the test run has. */
export function newAddress(): string {
  return `198.18.${randomInt(256)}.${randomInt(256)}`;
}

/** Sends a GET that a trusted proxy forwards from this address. */
export async function getFrom(
  address: string,
  { url }: Service,
  path = '/',
): Promise<HttpResponse<ProblemBody>> {
  return await httpFetch<ProblemBody>(`${url}${path}`, { headers: { 'x-forwarded-for': address } });
}

/**
 * Sends requests from one address to the replicas in turn, and counts the statuses.
 *
 * @param before runs before each request, with its number from 1.
 */
export async function countStatuses(
  address: string,
  replicas: readonly Service[],
  count: number,
  before: (nth: number) => Promise<void> = () => Promise.resolve(),
): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  let sent = 0;
  const sender = async (): Promise<void> => {
    while (sent < count) {
      const nth = (sent += 1);
      await before(nth);
      const replica = replicas[nth % replicas.length];
      if (replica === undefined) throw new Error('There is no replica');
      const { status } = await getFrom(address, replica);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
  return statuses;
}
