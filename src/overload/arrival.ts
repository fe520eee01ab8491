declare module 'fastify' {
  interface FastifyRequest {
    /** {@link arrivalTime}: its deadlines run from here. */
    arrivedAt: number;
  }
}

let turnStartedAt: number | undefined;

/**
 * When the request that is read now arrived, in the time of `performance.now()`: at the latest when this turn of the
 * event loop began, for a turn reads only what has arrived before it.
 */
export function arrivalTime(): number {
  if (turnStartedAt === undefined) {
    turnStartedAt = performance.now();
    setImmediate(() => {
      turnStartedAt = undefined;
    });
  }
  return turnStartedAt;
}
