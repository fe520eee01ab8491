import pg from 'pg';
import type { Socket } from 'node:net';

export interface ConnectionPoolOptions extends pg.PoolConfig {
  /** Milliseconds that a connection may stay silent while somebody has it; without it, as long as it takes. */
  readonly silenceTimeoutMillis?: number;
}

/**
 * pg's pool, which gives up a connection that stays silent for too long while somebody has it.
 *
 * pg's own `query_timeout` sets a property of each query to a function literal, and such functions V8 makes old from
 * the start: all that one leads to, the rows too, would stay until the next full garbage collection.
 */
export class ConnectionPool extends pg.Pool {
  constructor({ silenceTimeoutMillis = 0, ...options }: ConnectionPoolOptions) {
    super(options);
    this.on('connect', (client) => {
      // Whoever has it is told by the statement that fails.
      client.on('error', () => undefined);
      const socket = socketOf(client);
      socket.on('timeout', () => {
        const { bytesRead } = socket;
        // This process may have been too busy to read what has arrived.
        setImmediate(() => {
          if (socket.bytesRead === bytesRead) {
            socket.destroy(new Error('timeout of a silent connection'));
          }
        });
      });
    });
    this.on('acquire', (client) => {
      socketOf(client).setTimeout(silenceTimeoutMillis);
    });
    this.on('release', (_error, client) => {
      socketOf(client).setTimeout(0);
    });
  }
}

/** Over TLS it is another one than before the handshake. */
function socketOf({ connection }: pg.PoolClient): Socket {
  return connection.stream as Socket;
}
