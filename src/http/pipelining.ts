import type { FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_UNANSWERED = 32;
const UNANSWERED = Symbol('unanswered');

interface CountedSocket extends Socket {
  [UNANSWERED]?: number;
}

/**
 * Hangs up on a client that asks and asks and does not read. Node stops reading from it once answers
 * pile up, but by then has made requests of all that came in one piece: of 64 KiB two thousand, which
 * would be held, with their answers, until the client reads or is given up.
 */
export class Pipelining {
  /** Counts a request; false when it is one too many, and was hung up on. */
  admits({ raw }: FastifyRequest): boolean {
    const socket: CountedSocket = raw.socket;
    const count = (socket[UNANSWERED] ?? 0) + 1;
    if (count > MAX_UNANSWERED) {
      // The rest of the piece is read all the same, but comes no further than this.
      socket.destroy();
      return false;
    }
    socket[UNANSWERED] = count;
    return true;
  }

  /** Tells that an admitted request is over. */
  release({ raw }: FastifyRequest): void {
    const socket: CountedSocket = raw.socket;
    socket[UNANSWERED] = (socket[UNANSWERED] ?? 1) - 1;
  }
}
