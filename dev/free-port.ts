import { once } from 'node:events';
import { createServer } from 'node:net';

/** Binds the port for a moment, 0 for any; rejects as `listen` does when it cannot be had. */
export async function bindPort(port: number, host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : port;
}

/**
 * Starts a server on a free port of this machine. Between choosing the port and binding it another
 * process may come first: when the start fails and the port is taken, another port is tried.
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attemptsLeft = 5; ; attemptsLeft--) {
    const port = await bindPort(0);
    try {
      return await start(port);
    } catch (error) {
      const lost = await bindPort(port).then(
        () => false,
        () => true,
      );
      if (!lost || attemptsLeft === 0) throw error;
    }
  }
}
