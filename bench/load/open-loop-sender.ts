import { percentile } from '../summary.js';
import { Connection, type ConnectionOwner } from './open-loop-connection.js';
import type { ParsedResponse } from './open-loop-response.js';

/** What is sent, where, and how fast. */
export interface SenderLoad {
  readonly host: string;
  readonly port: number;
  /** Sent in this order, and then again from the first. */
  readonly requests: readonly Buffer[];
  readonly seconds: number;
  /** The most connections at a time. A request that is due waits for one of them. */
  readonly connections: number;
  /** Requests a second, whatever the responses. Without it each connection sends as soon as it has a response. */
  readonly rate: number | undefined;
  /** How long a response may take. */
  readonly timeoutMs: number;
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The outcome of a load. */
export interface SenderResult {
  /** Requests that were due, whether or not they were sent. */
  readonly offered: number;
  readonly sent: number;
  /** Responses 2xx and 304; the second number has only those that came before the time was over. */
  readonly accepted: number;
  readonly acceptedInTime: number;
  /** Responses 503 with Retry-After. */
  readonly refused: number;
  /** Refusals by problem type. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Everything else, by reason: other responses, and requests without a response. */
  readonly faults: Readonly<Record<string, number>>;
  /** From sending a request on an open connection to the last byte of its response. */
  readonly acceptedLatency: Latency;
  readonly refusedLatency: Latency;
  /** From when an accepted request was due. It includes the wait for a connection. */
  readonly dueLatency: Latency;
  readonly connectLatency: Latency;
  /** Connections that were open at the end. */
  readonly connections: number;
  /** CPU time of this process for each request, and the part of one core that it used. */
  readonly cpuMicroseconds: number;
  readonly cpuPart: number;
}

/** Requests that are due within a tick are sent together. */
const TICK_MS = 1;
const TIMEOUT_CHECK_MS = 100;

/** Sends a load from this process, which should have nothing else to do. */
export function sendLoad(load: SenderLoad): Promise<SenderResult> {
  return new Promise((resolve) => {
    new Sender(load, resolve).start();
  });
}

class Sender implements ConnectionOwner {
  private readonly connections = new Set<Connection>();
  private readonly idle: Connection[] = [];
  private readonly total: number;
  private sent = 0;
  private inProgress = 0;
  private acceptedInTime = 0;
  private readonly acceptedLatencies: number[] = [];
  private readonly refusedLatencies: number[] = [];
  private readonly dueLatencies: number[] = [];
  private readonly connectLatencies: number[] = [];
  private readonly refusals = new Map<string, number>();
  private readonly faults = new Map<string, number>();
  private readonly startedAt = performance.now();
  private readonly endsAt: number;
  private readonly cpuAtStart = process.cpuUsage();
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly load: SenderLoad,
    private readonly finished: (result: SenderResult) => void,
  ) {
    const { rate, seconds } = load;
    this.total = rate === undefined ? Infinity : Math.floor(rate * seconds);
    this.endsAt = this.startedAt + seconds * 1000;
  }

  start(): void {
    this.timers.push(
      setInterval(() => {
        this.dispatch(performance.now());
        this.finishWhenDone();
      }, TICK_MS),
      setInterval(() => {
        this.closeLateConnections();
      }, TIMEOUT_CHECK_MS),
    );
  }

  connected(milliseconds: number): void {
    this.connectLatencies.push(milliseconds);
  }

  responded(connection: Connection, response: ParsedResponse): void {
    const now = performance.now();
    this.inProgress -= 1;
    this.record(connection, response, now);
    if (connection.open) this.idle.push(connection);
    this.dispatch(now);
  }

  closed(connection: Connection, reason: string): void {
    this.connections.delete(connection);
    if (!connection.busy) return;
    this.inProgress -= 1;
    count(this.faults, reason);
  }

  /** Sends everything that is due, as far as there are connections. */
  private dispatch(now: number): void {
    if (now >= this.endsAt) return;
    const { requests, rate } = this.load;
    const due =
      rate === undefined
        ? Infinity
        : Math.min(this.total, 1 + Math.floor(((now - this.startedAt) * rate) / 1000));
    while (this.sent < due) {
      const connection = this.takeConnection();
      const request = requests[this.sent % requests.length];
      if (connection === undefined || request === undefined) return;
      const dueAt = rate === undefined ? now : this.startedAt + (this.sent * 1000) / rate;
      this.sent += 1;
      this.inProgress += 1;
      connection.send(request, now, dueAt);
    }
  }

  private takeConnection(): Connection | undefined {
    for (;;) {
      const connection = this.idle.pop();
      if (connection === undefined) break;
      if (connection.open) return connection;
    }
    const { host, port, connections } = this.load;
    if (this.connections.size >= connections) return undefined;
    const connection = new Connection(host, port, this);
    this.connections.add(connection);
    return connection;
  }

  private record(
    { sentAt, dueAt }: Connection,
    { status, hasRetryAfter, problem = 'no problem type' }: ParsedResponse,
    now: number,
  ): void {
    if ((status >= 200 && status < 300) || status === 304) {
      if (now < this.endsAt) this.acceptedInTime += 1;
      this.acceptedLatencies.push(now - sentAt);
      this.dueLatencies.push(now - dueAt);
    } else if (status === 503 && hasRetryAfter) {
      this.refusedLatencies.push(now - sentAt);
      count(this.refusals, problem);
    } else {
      const missing = status === 503 ? ' without Retry-After' : '';
      count(this.faults, `status ${status}${missing} (${problem})`);
    }
  }

  private closeLateConnections(): void {
    const { timeoutMs } = this.load;
    const startedBefore = performance.now() - timeoutMs;
    for (const connection of this.connections) {
      if (connection.busy && connection.startedAt < startedBefore) {
        connection.close(`no response within ${timeoutMs / 1000} s`);
      }
    }
  }

  private finishWhenDone(): void {
    const now = performance.now();
    if (now < this.endsAt || this.inProgress > 0) return;
    for (const timer of this.timers) clearInterval(timer);
    const connections = this.connections.size;
    for (const connection of this.connections) connection.close('the load is over');
    const { user, system } = process.cpuUsage(this.cpuAtStart);
    this.finished({
      offered: Number.isFinite(this.total) ? this.total : this.sent,
      sent: this.sent,
      accepted: this.acceptedLatencies.length,
      acceptedInTime: this.acceptedInTime,
      refused: this.refusedLatencies.length,
      refusals: Object.fromEntries(this.refusals),
      faults: Object.fromEntries(this.faults),
      acceptedLatency: latency(this.acceptedLatencies),
      refusedLatency: latency(this.refusedLatencies),
      dueLatency: latency(this.dueLatencies),
      connectLatency: latency(this.connectLatencies),
      connections,
      cpuMicroseconds: (user + system) / this.sent,
      cpuPart: (user + system) / 1000 / (now - this.startedAt),
    });
  }
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function latency(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
  };
}
