import pg from 'pg';
import type { Socket } from 'node:net';

export interface ConnectionPoolOptions extends pg.PoolConfig {
  /** Milliseconds that a connection in use may receive nothing before it is closed. Default: no limit. */
  readonly responseTimeoutMillis?: number;
}

/**
 * The pool of pg with three changes. It closes a connection in use that receives nothing for too long. (`query_timeout` of
 * pg does the same, but keeps the rows of each query until the next full garbage collection.) `maxLifetimeSeconds` varies
 * by a tenth, so that the connections are not all replaced at once. {@link renew} replaces all connections.
 */
export class ConnectionPool extends pg.Pool {
  private readonly idle = new Set<pg.PoolClient>();
  /** The number of renewals before each connection was opened. */
  private readonly generations = new WeakMap<pg.PoolClient, number>();
  private generation = 0;

  constructor({ responseTimeoutMillis = 0, ...options }: ConnectionPoolOptions) {
    super(options);
    const { maxLifetimeSeconds } = this.options;
    this.on('connect', (client) => {
      // pg reads the option when it opens the next connection.
      this.options.maxLifetimeSeconds = maxLifetimeSeconds * (0.9 + Math.random() / 5);
      this.generations.set(client, this.generation);
      // The statement in progress fails with the same error.
      client.on('error', () => undefined);
      const socket = socketOf(client);
      socket.on('timeout', () => {
        const { bytesRead } = socket;
        // This process may have been too busy to read what has arrived.
        setImmediate(() => {
          if (socket.bytesRead === bytesRead) {
            socket.destroy(new Error('timeout of an unresponsive connection'));
          }
        });
      });
    });
    this.on('acquire', (client) => {
      this.idle.delete(client);
      socketOf(client).setTimeout(responseTimeoutMillis);
    });
    this.on('release', (_error, client) => {
      socketOf(client).setTimeout(0);
      if (this.generations.get(client) === this.generation) {
        this.idle.add(client);
      } else {
        // The pool removes a connection that has ended.
        void (client as unknown as pg.Client).end();
      }
    });
    this.on('remove', (client) => {
      this.idle.delete(client);
    });
  }

  /** Closes a connection in use when it is released, instead of keeping it. */
  closeOnRelease(client: pg.PoolClient): void {
    this.generations.delete(client);
  }

  /** Replaces every connection: the idle ones now, the others when they are released. */
  renew(): void {
    this.generation += 1;
    for (const client of this.idle) {
      // The pool removes an idle connection when it fails.
      socketOf(client).destroy(new Error('renewed'));
    }
  }
}

/** The current socket: the TLS handshake replaces it. */
function socketOf({ connection }: pg.PoolClient): Socket {
  return connection.stream as Socket;
}
