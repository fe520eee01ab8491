import type { FastifyInstance } from 'fastify';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_UNANSWERED = 32;

/**
 * Hangs up on a client that asks and asks and does not read. Node stops reading from it once answers
 * pile up, but by then has made requests of all that came in one piece: of 64 KiB two thousand, which
 * would be held, with their answers, until the client reads or is given up.
 */
export function limitPipelining(fastify: FastifyInstance): void {
  const unanswered = new WeakMap<Socket, number>();
  fastify.addHook('onRequest', ({ raw: { socket } }, response, done) => {
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > MAX_UNANSWERED) {
      // The rest of the piece is read all the same, but comes no further than this.
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.raw.once('close', () => {
      unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1);
    });
    done();
  });
}
