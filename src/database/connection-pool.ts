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
 *
 * `maxLifetimeSeconds` varies by a tenth from connection to connection, so that they do not all log in again at once.
 */
export class ConnectionPool extends pg.Pool {
  private readonly idle = new Set<pg.PoolClient>();
  /** How often the pool was renewed before each connection was opened. */
  private readonly generations = new WeakMap<pg.PoolClient, number>();
  private generation = 0;

  constructor({ silenceTimeoutMillis = 0, ...options }: ConnectionPoolOptions) {
    super(options);
    const { maxLifetimeSeconds } = this.options;
    this.on('connect', (client) => {
      // pg reads it for each connection.
      this.options.maxLifetimeSeconds = maxLifetimeSeconds * (0.9 + Math.random() / 5);
      this.generations.set(client, this.generation);
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
      this.idle.delete(client);
      socketOf(client).setTimeout(silenceTimeoutMillis);
    });
    this.on('release', (_error, client) => {
      socketOf(client).setTimeout(0);
      if (this.generations.get(client) === this.generation) {
        this.idle.add(client);
      } else {
        // The pool then closes it instead of keeping it.
        void (client as unknown as pg.Client).end();
      }
    });
    this.on('remove', (client) => {
      this.idle.delete(client);
    });
  }

  /** Replaces every connection: idle ones now, the others when they are released. */
  renew(): void {
    this.generation += 1;
    for (const client of this.idle) {
      // The pool removes an idle connection only when it fails.
      socketOf(client).destroy(new Error('renewed'));
    }
  }
}

/** Over TLS it is another one than before the handshake. */
function socketOf({ connection }: pg.PoolClient): Socket {
  return connection.stream as Socket;
}
