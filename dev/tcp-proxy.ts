import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Forwards connections byte by byte to a port of 127.0.0.1 that can change: the clients of a process that is replaced
 * notice nothing.
 */
export class TcpProxy {
  private readonly clients = new Set<Socket>();
  private readonly server: Server;
  private target: number | undefined;

  private constructor() {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.clients.add(client);
      client.on('error', () => undefined);
      client.once('close', () => this.clients.delete(client));
      this.relay(client);
    });
  }

  /** Listens here; closes every connection until there is a port to forward to. */
  static async listen(port: number, host: string): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.server.listen(port, host);
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** Forwards new connections to this port. Connections that are open stay where they are until that server closes them. */
  forwardTo(port: number | undefined): void {
    this.target = port;
  }

  async stop(): Promise<void> {
    this.server.close();
    for (const client of this.clients) client.destroy();
    await once(this.server, 'close');
  }

  private relay(client: Socket): void {
    const port = this.target;
    if (port === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    /** What the client had sent when the server last sent something. */
    let answered = 0;
    let wasCurrent = true;
    upstream.on('data', () => {
      answered = client.bytesRead;
      wasCurrent = port === this.target;
    });
    upstream.once('end', () => {
      // The server that was replaced closes a connection between two requests: the next one goes to its successor.
      if (port !== this.target && wasCurrent && answered === client.bytesRead) {
        client.unpipe(upstream);
        upstream.destroy();
        client.removeListener('close', close);
        client.once('readable', () => {
          this.relay(client);
        });
      } else {
        client.end();
      }
    });
    upstream.on('error', () => client.resetAndDestroy());
    const close = (): void => {
      upstream.destroy();
    };
    client.once('close', close);
    client.pipe(upstream);
    upstream.pipe(client, { end: false });
  }
}
