import { connect, type Socket } from 'node:net';

import { type LoadResponse, parseResponse } from './response.js';

/** Receives what happens to a {@link Connection}. */
export interface ConnectionOwner {
  connected(milliseconds: number): void;
  responded(connection: Connection, response: LoadResponse): void;
  /** The reason applies to the request in progress, if there is one. */
  closed(connection: Connection, reason: string): void;
}

/** Shared by all connections, because Node processes one read at a time. */
const READ_BUFFER = Buffer.alloc(64 * 1024);

/** A keep-alive connection with at most one request in progress. */
export class Connection {
  /** When the connection took over the request in progress, in the time of `performance.now()`. */
  startedAt = 0;
  /** When the request was sent: later than `startedAt` if the connection was not open yet. */
  sentAt = 0;
  busy = false;
  open = true;
  private readonly socket: Socket;
  /** The response so far, when it arrives in several parts. */
  private partial: Buffer | undefined;
  private reason = 'connection closed before a complete response';

  constructor(
    host: string,
    port: number,
    private readonly owner: ConnectionOwner,
  ) {
    // `onread` costs less than a stream's `data` event.
    const callback = (length: number): boolean => {
      this.read(READ_BUFFER.subarray(0, length));
      return true;
    };
    const connectingAt = performance.now();
    this.socket = connect({ host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback } })
      .on('connect', () => {
        this.sentAt = performance.now();
        owner.connected(this.sentAt - connectingAt);
      })
      .on('error', (error) => {
        this.reason = 'code' in error ? String(error.code) : error.message;
      })
      .on('close', () => {
        this.open = false;
        owner.closed(this, this.reason);
      });
  }

  send(request: Buffer | string, now: number): void {
    this.busy = true;
    this.startedAt = now;
    this.sentAt = now;
    this.socket.write(request);
  }

  close(reason: string): void {
    this.open = false;
    this.reason = reason;
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    const bytes = this.partial === undefined ? chunk : Buffer.concat([this.partial, chunk]);
    const response = parseResponse(bytes);
    if (response === undefined) {
      // A copy, because the next read overwrites the chunk.
      this.partial = Buffer.from(bytes);
    } else if (typeof response === 'string') {
      this.close(response);
    } else if (!this.busy || bytes.length > response.length) {
      this.close('more than one response to a request');
    } else {
      this.partial = undefined;
      this.busy = false;
      if (response.closes) this.close('connection closed after a response');
      this.owner.responded(this, response);
    }
  }
}
