import { Connection, type ConnectionOwner } from './connection.js';
import type { LoadResponse } from './response.js';

export interface Rate {
  /** Maximum number of connections. A request that is due waits for one of them. */
  readonly connections: number;
  /**
   * Requests a second, even while responses are slow (open loop). Without it each connection sends its next request after
   * its response (closed loop).
   */
  readonly rate?: number | undefined;
  /** How long to send. Without it: until `stop()`, or until there are no more requests. */
  readonly seconds?: number | undefined;
}

export interface SenderOptions<Item> extends Rate {
  readonly url: string;
  /** The next request; undefined when there are no more. */
  readonly next: () => Item | undefined;
  /** The request as HTTP/1.1 text. */
  readonly bytesOf: (item: Item) => Buffer | string;
  readonly onExchange: (exchange: Exchange<Item>) => void;
}

/** A request and its response. Times are those of `performance.now()`. */
export interface Exchange<Item> {
  readonly item: Item;
  /** When the rate required the request to be sent; in a closed loop, when it was sent. */
  readonly dueAt: number;
  readonly sentAt: number;
  readonly endedAt: number;
  /** The reason when there is no response. */
  readonly result: LoadResponse | string;
}

/** Requests that are due within a tick are sent together. */
const TICK_MS = 1;
const TIMEOUT_CHECK_MS = 100;
const TIMEOUT_MS = 10_000;

/** Sends a load over keep-alive connections, one request at a time on each. */
export class Sender<Item> implements ConnectionOwner {
  readonly connectLatencies: number[] = [];
  sent = 0;
  endsAt: number;
  /** Settles when the last response has come. */
  readonly finished: Promise<void>;
  private finish: () => void = () => undefined;
  private readonly connections = new Map<Connection, { item: Item; dueAt: number } | undefined>();
  private readonly idle: Connection[] = [];
  private readonly startedAt = performance.now();
  private readonly timers: readonly NodeJS.Timeout[];
  private inProgress = 0;
  private exhausted = false;

  constructor(
    private readonly options: SenderOptions<Item>,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {
    this.endsAt = this.startedAt + (options.seconds ?? Infinity) * 1000;
    this.finished = new Promise((resolve) => {
      this.finish = resolve;
    });
    const tick = setInterval(() => {
      this.dispatch(performance.now());
      this.finishWhenDone();
    }, TICK_MS);
    const check = setInterval(() => {
      this.closeLateConnections();
    }, TIMEOUT_CHECK_MS);
    this.timers = [tick, check];
  }

  /** Sends no more requests and waits for the responses to those in progress. */
  async stop(): Promise<void> {
    this.endsAt = performance.now();
    await this.finished;
  }

  connected(milliseconds: number): void {
    this.connectLatencies.push(milliseconds);
  }

  responded(connection: Connection, response: LoadResponse): void {
    const now = performance.now();
    this.end(connection, response, now);
    if (connection.open) this.idle.push(connection);
    this.dispatch(now);
  }

  closed(connection: Connection, reason: string): void {
    if (connection.busy) this.end(connection, reason, performance.now());
    this.connections.delete(connection);
  }

  private end(connection: Connection, result: LoadResponse | string, endedAt: number): void {
    const started = this.connections.get(connection);
    if (started === undefined) return;
    this.inProgress -= 1;
    this.options.onExchange({ ...started, sentAt: connection.sentAt, endedAt, result });
  }

  /** Sends every request that is due, as far as there are connections. */
  private dispatch(now: number): void {
    const { rate = Infinity, seconds = Infinity, next, bytesOf } = this.options;
    const isOpenLoop = Number.isFinite(rate);
    const elapsed = (now - this.startedAt) / 1000;
    const due = Math.min(Math.floor(rate * seconds), 1 + Math.floor(rate * elapsed));
    while (now < this.endsAt && !this.exhausted && (!isOpenLoop || this.sent < due)) {
      const connection = this.freeConnection();
      if (connection === undefined) return;
      const item = next();
      if (item === undefined) {
        this.exhausted = true;
        this.idle.push(connection);
        return;
      }
      const dueAt = isOpenLoop ? this.startedAt + (this.sent * 1000) / rate : now;
      this.sent += 1;
      this.inProgress += 1;
      this.connections.set(connection, { item, dueAt });
      connection.send(bytesOf(item), now);
    }
  }

  private freeConnection(): Connection | undefined {
    for (let idle = this.idle.pop(); idle !== undefined; idle = this.idle.pop()) {
      if (idle.open) return idle;
    }
    if (this.connections.size >= this.options.connections) return undefined;
    const { hostname, port } = new URL(this.options.url);
    const connection = new Connection(hostname, Number(port), this);
    this.connections.set(connection, undefined);
    return connection;
  }

  private closeLateConnections(): void {
    const startedBefore = performance.now() - this.timeoutMs;
    for (const connection of this.connections.keys()) {
      if (connection.busy && connection.startedAt < startedBefore) {
        connection.close(`no response within ${this.timeoutMs / 1000} s`);
      }
    }
  }

  private finishWhenDone(): void {
    if (this.inProgress > 0 || (performance.now() < this.endsAt && !this.exhausted)) return;
    for (const timer of this.timers) clearInterval(timer);
    for (const connection of this.connections.keys()) connection.close('the load has ended');
    this.finish();
  }
}
