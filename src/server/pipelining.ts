import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection for their turn: a client that pipelines at all sends a handful ahead. */
const MAX_WAITING = 31;
const PIPELINE = Symbol('pipeline');

/** A request that waits for its turn. */
interface Waiting {
  readonly response: ServerResponse;
  readonly start: () => void;
}

/**
 * The requests that a client sends ahead on one connection, which are answered one after the other (RFC 9112, section
 * 9.3.2): no answer is made before there is a way to send it, so none has to be kept, or is forgotten with all that it
 * holds when the client hangs up, for Node 20 and 22 then tell only the one whose turn it is.
 *
 * A client that asks and asks and does not read is hung up on. Node stops reading from it once answers pile up, but by
 * then has made requests of all that came in one piece, of 64 KiB two thousand.
 */
export class Pipeline {
  private answering: ServerResponse | undefined;
  private readonly waiting: Waiting[] = [];
  /** A request that had its answer before it had come whole, until it has. */
  private unread: IncomingMessage | undefined;
  /** What a fault in what the client sends leads to, in its turn. */
  private fault: (() => void) | undefined;

  private constructor(private readonly socket: Socket) {}

  /** The pipeline of a connection. */
  static of(socket: Socket & { [PIPELINE]?: Pipeline | undefined }): Pipeline {
    return (socket[PIPELINE] ??= new Pipeline(socket));
  }

  /** Whether one more request is let in. Of one too many, the client is hung up on. */
  admits(): boolean {
    if (this.fault !== undefined || !this.socket.writable) {
      // It could not be answered.
      return false;
    }
    if (this.waiting.length === MAX_WAITING) {
      // The rest of the piece is read all the same, but comes no further than this.
      this.socket.destroy();
      return false;
    }
    return true;
  }

  /** Has a request that was let in start once those before it are over; never, when the client has gone by then. */
  enter(response: ServerResponse, start: () => void): void {
    if (this.answering === undefined) {
      this.answering = response;
      start();
    } else {
      this.waiting.push({ response, start });
    }
  }

  /** Tells that a request is over: answered, or its client has gone. */
  leave(response: ServerResponse): void {
    if (response !== this.answering) {
      return;
    }
    this.answering = undefined;
    if (!response.req.complete) {
      this.unread = response.req.once('close', () => {
        this.unread = undefined;
      });
    }
    if (!this.socket.writable) {
      for (const lost of this.waiting.splice(0)) lost.response.emit('close');
      return;
    }
    const next = this.waiting.shift();
    if (next !== undefined) {
      this.answering = next.response;
      next.start();
    } else {
      this.fault?.();
    }
  }

  /** Has a fault in what the client sends answered in its turn, and once: what comes behind it is not looked at. */
  fail(answer: () => void): void {
    if (!this.socket.writableFinished) {
      // It would be read, in vain, for as long as the client takes to read what it has asked for before.
      this.socket.pause();
    }
    if (this.fault !== undefined) {
      return;
    }
    const hangUp = (): void => {
      this.socket.destroySoon();
    };
    if (this.socket.writable && this.waiting.at(-1)?.response.req.complete === false) {
      // The fault lies in its body.
      this.waiting.pop();
    }
    if (this.answering === undefined) {
      this.fault = this.unread?.complete === false ? hangUp : answer;
      this.fault();
    } else if (this.waiting.length > 0 || this.answering.req.complete) {
      this.fault = answer;
    } else if (this.answering.headersSent) {
      this.fault = hangUp;
    } else {
      this.fault = answer;
      answer();
    }
  }
}
