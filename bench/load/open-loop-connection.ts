import { connect, type Socket } from 'node:net';

import { type ParsedResponse, parseResponse } from './open-loop-response.js';

/** Receives the outcome of each request of a {@link Connection}. */
export interface ConnectionOwner {
  /** The server has accepted the connection after so many milliseconds. */
  connected(milliseconds: number): void;
  responded(connection: Connection, response: ParsedResponse): void;
  /** The connection is closed. The reason is for the request in progress, if there is one. */
  closed(connection: Connection, reason: string): void;
}

/** One read at a time is processed, so that all connections can share its memory. */
const READ_BUFFER = Buffer.alloc(64 * 1024);

/** A keep-alive connection with at most one request in progress. */
export class Connection {
  /** When the request in progress was due, in the time of `performance.now()`. */
  dueAt = 0;
  /** When this connection took it over. */
  startedAt = 0;
  /** When it was sent: later than that on a connection that was not open yet. */
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
    this.socket = connect({
      host,
      port,
      noDelay: true,
      // Costs less than a stream's `data` event.
      onread: {
        buffer: READ_BUFFER,
        callback: (length) => {
          this.read(READ_BUFFER.subarray(0, length));
          return true;
        },
      },
    });
    const connectingAt = performance.now();
    this.socket.on('connect', () => {
      this.sentAt = performance.now();
      this.owner.connected(this.sentAt - connectingAt);
    });
    this.socket.on('error', (error) => {
      this.reason = 'code' in error ? String(error.code) : error.message;
    });
    this.socket.on('close', () => {
      this.open = false;
      this.owner.closed(this, this.reason);
    });
  }

  send(request: Buffer, now: number, dueAt: number): void {
    this.busy = true;
    this.dueAt = dueAt;
    this.startedAt = now;
    this.sentAt = now;
    this.socket.write(request);
  }

  /** Closes the connection. The owner learns the reason. */
  close(reason: string): void {
    this.open = false;
    this.reason = reason;
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    const bytes = this.partial === undefined ? chunk : Buffer.concat([this.partial, chunk]);
    let response: ParsedResponse | undefined;
    try {
      response = parseResponse(bytes);
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
      return;
    }
    if (response === undefined) {
      // A copy, because the next read overwrites the chunk.
      this.partial = Buffer.from(bytes);
      return;
    }
    this.partial = undefined;
    if (!this.busy || bytes.length > response.length) {
      this.close('more than one response to a request');
      return;
    }
    this.busy = false;
    if (response.closes) this.close('connection closed after a response');
    this.owner.responded(this, response);
  }
}
