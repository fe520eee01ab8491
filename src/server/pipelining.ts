import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { lingeringClose } from './lingering-close.js';

const PIPELINE = Symbol('pipeline');

/**
 * Serves one request of a connection at a time. Requests that arrive before the response to the previous one are
 * dropped, and that response closes the connection: the client may retry them (RFC 9112, section 9.3.2). So a client
 * that sends requests without reading responses costs the memory of one response.
 */
export class Pipeline {
  /** The response of the request that was started last. */
  private current: ServerResponse | undefined;
  private isClosing = false;

  private constructor(private readonly socket: Socket) {}

  /** The pipeline of a connection. */
  static of(socket: Socket & { [PIPELINE]?: Pipeline | undefined }): Pipeline {
    return (socket[PIPELINE] ??= new Pipeline(socket));
  }

  /** Starts a request; false when it is dropped. */
  start(response: ServerResponse): boolean {
    if (this.isClosing || !this.socket.writable) return false;
    if (this.current?.closed === false) {
      this.closeAfter(this.current);
      return false;
    }
    this.current = response;
    if ('upgrade' in response.req.headers) {
      // The service upgrades no connection, but Node's parser has dropped the bytes behind this request.
      response.setHeader('connection', 'close');
    }
    return true;
  }

  /**
   * Handles bytes that are not an HTTP request.
   *
   * @param reply sends an error and closes the connection. Called unless the client expects another response first.
   */
  handleParseError(reply: () => void): void {
    if (this.isClosing || !this.socket.writable) return;
    const { current } = this;
    if (current?.closed === false && current.req.complete) {
      // The client sent the bytes ahead of the response.
      this.closeAfter(current);
      return;
    }
    this.stopReading();
    if (current?.req.complete === false && current.headersSent) {
      // The bytes are in the body of a request that has its response.
      this.socket.destroySoon();
    } else {
      reply();
    }
  }

  private closeAfter(response: ServerResponse): void {
    this.stopReading();
    if (response.headersSent) {
      response.once('close', () => {
        this.socket.destroySoon();
      });
    } else {
      response.setHeader('connection', 'close');
    }
  }

  private stopReading(): void {
    this.isClosing = true;
    this.socket.pause();
    // Node calls it after a response with `Connection: close`.
    this.socket.destroySoon = () => {
      lingeringClose(this.socket);
    };
  }
}
