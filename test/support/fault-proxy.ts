import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopAfterTest } from './after-test.js';
import { eventually } from './eventually.js';

const HOST = '127.0.0.1';
const HOLD_MS = 5;

/** What becomes of the connections, those there are and new ones. */
export type Fault =
  /** All goes through. */
  | 'none'
  /** They are refused and closed: nobody is there. */
  | 'refuse'
  /** They are reset. */
  | 'reset'
  /** They are taken and stay open; nothing goes through before the fault is over. */
  | 'blackhole'
  /** All goes through so much later, each way. */
  | { readonly latencyMs: number }
  /** They end after so many more bytes of answers. */
  | { readonly cutAfter: number };

/** Something that has come, and when, on the clock of `performance.now()`. */
interface Arrival {
  readonly chunk: Buffer;
  readonly at: number;
}

/** Stands in front of a server and fails in its place, as a network or a dying host would. */
export class FaultProxy {
  private readonly clients = new Set<Socket>();
  private readonly server = createServer((client) => void this.serve(client));
  private port = 0;
  private fault: Fault = 'none';

  private constructor(private readonly target: URL) {}

  /** Starts one, on a port that stays its own, in front of what answers at a URL. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target));
    await proxy.listen();
    stopAfterTest(() => proxy.stop());
    return proxy;
  }

  /** The URL of what it stands in front of, by way of it. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = HOST;
    url.port = String(this.port);
    return url.href;
  }

  /** Fails in this way from now on. */
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
      pipeline(client, stamped(), (chunks) => this.questions(chunks), server),
      pipeline(server, stamped(), (chunks) => this.responses(chunks), client),
    ]).catch(() => undefined);
    client.destroy();
    server.destroy();
    this.clients.delete(client);
  }

  private async *questions(chunks: AsyncIterable<Arrival>): AsyncGenerator<Buffer> {
    for await (const { chunk, at } of chunks) {
      await this.hold(at);
      yield chunk;
    }
  }

  private async *responses(chunks: AsyncIterable<Arrival>): AsyncGenerator<Buffer> {
    let { fault } = this;
    let passed = 0;
    for await (const { chunk, at } of chunks) {
      await this.hold(at);
      if (fault !== this.fault) [fault, passed] = [this.fault, 0];
      const left =
        typeof fault === 'object' && 'cutAfter' in fault ? fault.cutAfter - passed : Infinity;
      yield chunk.subarray(0, left);
      passed += chunk.length;
      if (chunk.length >= left) return;
    }
  }

  private async hold(at: number): Promise<void> {
    if (typeof this.fault === 'object' && 'latencyMs' in this.fault) {
      await sleep(Math.max(0, at + this.fault.latencyMs - performance.now()));
    }
    while (this.fault === 'blackhole') await sleep(HOLD_MS);
  }

  private async listen(): Promise<void> {
    // While it is closed its port is anyone's: an outgoing connection may hold it for a moment.
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

/** Takes in what comes as soon as it does, whatever is held before it. */
function stamped(): Transform {
  return new Transform({
    readableObjectMode: true,
    readableHighWaterMark: 10_000,
    transform: (chunk: Buffer, _, done) => {
      done(null, { chunk, at: performance.now() });
    },
  });
}
