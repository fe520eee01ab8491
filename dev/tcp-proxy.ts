import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Forwards TCP connections to a port of 127.0.0.1. The port can change without breaking client connections. */
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

  /** Starts listening. Closes every connection until `forwardTo` sets a port. */
  static async listen(port: number, host: string): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.server.listen(port, host);
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** Forwards new connections to this port; undefined closes them. Open connections stay until their server closes them. */
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
    /** Bytes that the client had sent when the server last responded. */
    let answeredBytes = 0;
    let wasCurrent = true;
    upstream.on('data', () => {
      answeredBytes = client.bytesRead;
      wasCurrent = port === this.target;
    });
    upstream.once('end', () => {
      // The replaced server closes an idle connection. The client's next request goes to the new server.
      if (port !== this.target && wasCurrent && answeredBytes === client.bytesRead) {
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
