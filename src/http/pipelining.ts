import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_UNANSWERED = 32;
const UNANSWERED = Symbol('unanswered');
const LATEST = Symbol('latest');
const ON_ANSWER = Symbol('on answer');

interface CountedSocket extends Socket {
  [UNANSWERED]?: number;
  /** The answer to the latest request, until it is given: the request is not to stay as long as the connection. */
  [LATEST]?: ServerResponse | undefined;
  [ON_ANSWER]?: () => void;
}

/**
 * Counts a request on its connection; false when it is one too many, and was hung up on.
 *
 * It keeps out a client that asks and asks and does not read. Node stops reading from it once answers pile up, but by
 * then has made requests of all that came in one piece: of 64 KiB two thousand, which would be held, with their answers,
 * until the client reads or is given up.
 */
export function admit({ raw: { socket } }: FastifyRequest, { raw: answer }: FastifyReply): boolean {
  const counted: CountedSocket = socket;
  const count = (counted[UNANSWERED] ?? 0) + 1;
  if (count > MAX_UNANSWERED) {
    // The rest of the piece is read all the same, but comes no further than this.
    socket.destroy();
    return false;
  }
  counted[UNANSWERED] = count;
  counted[LATEST] = answer;
  return true;
}

/** Tells that an admitted request is over. */
export function release({ raw: { socket } }: FastifyRequest, { raw: answer }: FastifyReply): void {
  const counted: CountedSocket = socket;
  counted[UNANSWERED] = (counted[UNANSWERED] ?? 1) - 1;
  if (counted[LATEST] === answer) {
    counted[LATEST] = undefined;
  }
  counted[ON_ANSWER]?.();
}

/**
 * Has a fault in what a client sends answered in its turn, after the requests before it, and at most once: what comes
 * behind a fault is not looked at, and a client that goes on after the answer is hung up on.
 */
export function answerInTurn(socket: CountedSocket, answer: () => void): void {
  if (socket[ON_ANSWER] !== undefined) {
    if (!socket.writable) socket.destroy();
    return;
  }
  const latest = socket[LATEST];
  /** The request in whose body the fault lies, if it has no answer yet: the fault then is its answer. */
  const faulty = latest?.req.complete === false ? latest : undefined;
  socket[ON_ANSWER] = () => {
    const unanswered = socket[UNANSWERED] ?? 0;
    if (unanswered > (faulty === undefined ? 0 : 1)) {
      return;
    }
    if (faulty?.headersSent !== true) {
      socket[ON_ANSWER] = () => undefined;
      answer();
    } else if (unanswered === 0) {
      // Its own answer was on the way before the fault.
      socket.destroySoon();
    }
  };
  socket[ON_ANSWER]();
}
