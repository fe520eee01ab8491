import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The error of a pooler that rejects the start parameter `statement_timeout`. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** A connection pooler that rejects `statement_timeout` as a start parameter. */
export class StrictPooler {
  /** Connections with the parameter. */
  refusals = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => {
    this.sockets.add(client);
    client.on('error', () => undefined);
    client.once('data', (startup: Buffer) => {
      this.start(client, startup);
    });
  });

  private constructor(
    private readonly target: URL,
    private readonly refusal: Refusal,
  ) {}

  /** Starts a pooler for the server at a URL. */
  static async start(target: string, refusal: Refusal): Promise<StrictPooler> {
    const pooler = new StrictPooler(new URL(target), refusal);
    await once(pooler.server.listen(0, '127.0.0.1'), 'listening');
    return pooler;
  }

  /** The URL of the server through the pooler. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  async stop(): Promise<void> {
    const closed = once(this.server.close(), 'close');
    this.sockets.forEach((socket) => socket.destroy());
    await closed;
  }

  private start(client: Socket, startup: Buffer): void {
    if (startup.includes('statement_timeout')) {
      this.refusals += 1;
      client.end(errorResponse(this.refusal));
      return;
    }
    const server = connect(Number(this.target.port), this.target.hostname);
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    server.write(startup);
    client.pipe(server).pipe(client);
  }
}

function errorResponse({ code, message }: Refusal): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const header = Buffer.alloc(5, 'E');
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}
