import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_UNANSWERED = 32;

/**
 * Hangs up on a client that asks and asks and does not read. Node stops reading from it once answers
 * pile up, but by then has made requests of all that came in one piece: of 64 KiB two thousand, which
 * would be held, with their answers, until the client reads or is given up.
 */
export class Pipelining {
  private readonly unanswered = new WeakMap<Socket, number>();

  /** Counts a request as long as it has no answer; false when it is one too many, and was hung up on. */
  admits({ raw: { socket } }: FastifyRequest, response: FastifyReply): boolean {
    const count = (this.unanswered.get(socket) ?? 0) + 1;
    if (count > MAX_UNANSWERED) {
      // The rest of the piece is read all the same, but comes no further than this.
      socket.destroy();
      return false;
    }
    this.unanswered.set(socket, count);
    response.raw.once('close', () => {
      this.unanswered.set(socket, (this.unanswered.get(socket) ?? 1) - 1);
    });
    return true;
  }
}
