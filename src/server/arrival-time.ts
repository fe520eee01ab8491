declare module 'fastify' {
  interface FastifyRequest {
    /** {@link arrivalTime} of the request, from which its deadlines run. */
    arrivedAt: number;
  }
}

let iterationStartedAt: number | undefined;

/**
 * When the request that is being read arrived, in the time of `performance.now()`: when this iteration of the event loop
 * read its first request. The time that the request waited in the kernel is not known.
 */
export function arrivalTime(): number {
  if (iterationStartedAt === undefined) {
    iterationStartedAt = performance.now();
    setImmediate(() => {
      iterationStartedAt = undefined;
    });
  }
  return iterationStartedAt;
}
