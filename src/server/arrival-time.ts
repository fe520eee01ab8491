declare module 'fastify' {
  interface FastifyRequest {
    /** {@link arrivalTime}: its deadlines run from here. */
    arrivedAt: number;
  }
}

let turnStartedAt: number | undefined;

/**
 * When the request that is read now arrived, in the time of `performance.now()`: at the latest when this turn of the
 * event loop read its first request. How long it waited for the turn is not known.
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
