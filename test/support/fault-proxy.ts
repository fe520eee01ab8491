import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopAfterTest } from './after-test.js';
import { eventually } from './eventually.js';

const HOST = '127.0.0.1';
const BLACKHOLE_CHECK_MS = 5;

/** How the proxy treats existing and new connections. */
export type Fault =
  /** Forwards everything. */
  | 'none'
  /** Closes existing connections and refuses new ones, as if no server ran. */
  | 'refuse'
  /** Resets them. */
  | 'reset'
  /** Accepts connections and keeps them open, but forwards nothing until the fault ends. */
  | 'blackhole'
  /** Delays all bytes in both directions. */
  | { readonly latencyMs: number }
  /** Closes each connection after so many more bytes from the server. */
  | { readonly cutAfter: number };

/** Received bytes, and when they arrived, in the time of `performance.now()`. */
interface Arrival {
  readonly chunk: Buffer;
  readonly at: number;
}

/** A TCP proxy that simulates the faults of a network or a host. */
export class FaultProxy {
  private readonly clients = new Set<Socket>();
  private readonly server = createServer((client) => void this.serve(client));
  private port = 0;
  private fault: Fault = 'none';

  private constructor(private readonly target: URL) {}

  /** Starts a proxy for the server at a URL. Its port stays the same across faults. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target));
    await proxy.listen();
    stopAfterTest(() => proxy.stop());
    return proxy;
  }

  /** The URL of the server through the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = HOST;
    url.port = String(this.port);
    return url.href;
  }

  /** Sets the fault from now on. */
  async fail(fault: Fault): Promise<void> {
    this.fault = fault;
    if (fault === 'reset') this.clients.forEach((client) => client.resetAndDestroy());
    if (fault === 'refuse') await this.close();
    else if (!this.server.listening) await this.listen();
  }

  async stop(): Promise<void> {
    await this.fail('refuse');
  }

  private async serve(client: Socket): Promise<void> {
    if (this.fault === 'reset') {
      client.resetAndDestroy();
      return;
    }
    this.clients.add(client);
    const server = connect(Number(this.target.port), this.target.hostname);
    await Promise.all([
      pipeline(client, stamped(), (chunks) => this.fromClient(chunks), server),
      pipeline(server, stamped(), (chunks) => this.fromServer(chunks), client),
    ]).catch(() => undefined);
    client.destroy();
    server.destroy();
    this.clients.delete(client);
  }

  private async *fromClient(chunks: AsyncIterable<Arrival>): AsyncGenerator<Buffer> {
    for await (const { chunk, at } of chunks) {
      await this.delay(at);
      yield chunk;
    }
  }

  private async *fromServer(chunks: AsyncIterable<Arrival>): AsyncGenerator<Buffer> {
    let { fault } = this;
    let passed = 0;
    for await (const { chunk, at } of chunks) {
      await this.delay(at);
      if (fault !== this.fault) [fault, passed] = [this.fault, 0];
      const left =
        typeof fault === 'object' && 'cutAfter' in fault ? fault.cutAfter - passed : Infinity;
      yield chunk.subarray(0, left);
      passed += chunk.length;
      if (chunk.length >= left) return;
    }
  }

  private async delay(at: number): Promise<void> {
    if (typeof this.fault === 'object' && 'latencyMs' in this.fault) {
      await sleep(Math.max(0, at + this.fault.latencyMs - performance.now()));
    }
    while (this.fault === 'blackhole') await sleep(BLACKHOLE_CHECK_MS);
  }

  private async listen(): Promise<void> {
    // While the proxy is closed, an outgoing connection can use its port for a moment.
    await eventually(() =>
      once(this.server.listen(this.port, HOST), 'listening').catch(() => undefined),
    );
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async close(): Promise<void> {
    const closed = once(this.server.close(), 'close');
    this.clients.forEach((client) => client.destroy());
    await closed;
  }
}

/** Reads bytes as soon as they arrive, even while earlier ones are delayed. */
function stamped(): Transform {
  return new Transform({
    readableObjectMode: true,
    readableHighWaterMark: 10_000,
    transform: (chunk: Buffer, _, done) => {
      done(null, { chunk, at: performance.now() });
    },
  });
}
