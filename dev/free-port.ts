import { once } from 'node:events';
import { createServer } from 'node:net';

/** Binds a port and releases it; 0 chooses a free one. Rejects as `listen` does when the port is not available. */
export async function bindPort(port: number, host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : port;
}

/**
 * Starts a server on a free port of 127.0.0.1. Another process may bind the port before the server does:
 * when the start fails and the port is in use, `onFreePort` tries another port, five times at most.
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let retriesLeft = 5; ; retriesLeft--) {
    const port = await bindPort(0);
    try {
      return await start(port);
    } catch (error) {
      const isInUse = await bindPort(port).then(
        () => false,
        () => true,
      );
      if (!isInUse || retriesLeft === 0) throw error;
    }
  }
}
