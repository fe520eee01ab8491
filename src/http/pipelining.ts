import type { FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_UNANSWERED = 32;
const UNANSWERED = Symbol('unanswered');
const LATEST = Symbol('latest');
const ON_ANSWER = Symbol('on answer');

interface CountedSocket extends Socket {
  [UNANSWERED]?: number;
  [LATEST]?: IncomingMessage;
  [ON_ANSWER]?: () => void;
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
    socket[LATEST] = raw;
    return true;
  }

  /** Tells that an admitted request is over. */
  release({ raw }: FastifyRequest): void {
    const socket: CountedSocket = raw.socket;
    socket[UNANSWERED] = (socket[UNANSWERED] ?? 1) - 1;
    socket[ON_ANSWER]?.();
  }

  /**
   * Has a fault in what a client sends answered in its turn, which is after the requests that came whole before it. One
   * that goes on sending after that is hung up on.
   */
  answerInTurn(socket: CountedSocket, answer: () => void): void {
    if (socket[ON_ANSWER] !== undefined) {
      if (!socket.writable) socket.destroy();
      return;
    }
    // The fault may lie in the body of a request, which then is the one that it answers.
    const faulty = socket[LATEST]?.complete === false ? 1 : 0;
    let waiting = true;
    socket[ON_ANSWER] = () => {
      if (waiting && (socket[UNANSWERED] ?? 0) <= faulty) {
        waiting = false;
        answer();
      }
    };
    socket[ON_ANSWER]();
  }
}
