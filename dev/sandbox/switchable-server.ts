import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { sendJson } from './json.js';
import { flag, integer, orNull, share, Switches, type SwitchTable } from './switches.js';

const HOST = '127.0.0.1';
/** Longer than any client keeps an idle connection, so that it is the client that lets go of it. */
const KEEP_ALIVE_MS = 60_000;

/** What can be set of every partner. */
export interface CommonSwitches {
  /** Waited before every answer. */
  latencyMs: number;
  /** The part of the requests that is answered with `errorStatus`, evenly spread: at 0.5 every second one. */
  errorRate: number;
  errorStatus: number;
  /** Seconds, sent as Retry-After along with `errorStatus`. */
  retryAfter: number | null;
  /** How many of the next requests are answered with `errorStatus`; counts down. */
  failNext: number;
  /** Never answers; a request once hung stays so. */
  hang: boolean;
  /** Cuts the connection instead of answering. */
  reset: boolean;
  /** Answers 200 with what claims to be JSON. */
  garbage: boolean;
  /** Refuses connections, and cuts those there are. */
  down: boolean;
}

/** The table of what can be set of every partner, to be spread into a partner's own. */
export const COMMON_SWITCHES: SwitchTable<CommonSwitches> = {
  latencyMs: integer(0, 0, 60_000),
  errorRate: share(),
  errorStatus: integer(503, 400, 599),
  retryAfter: orNull(integer(0, 0, 86_400)),
  failNext: integer(0, 0, 1_000_000),
  hang: flag(),
  reset: flag(),
  garbage: flag(),
  down: flag(),
};

/** What is counted at every partner. */
export interface CommonCounts {
  /** Every request that has arrived, whatever became of it. */
  requests: number;
  /** Requests answered with a 2xx. */
  succeeded: number;
  /** Requests that wait for their answer now. */
  inFlight: number;
  /** Connections accepted. */
  connections: number;
  lastRequestAt: string | null;
}

/** What the switchboard shows of a partner. */
export interface PartnerState<Values, Counter extends string = never> {
  url: string;
  switches: Values;
  counts: CommonCounts & Record<Counter, number>;
}

/** What a partner answers where no switch is in the way. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** What makes one partner out of a switchable server. */
export interface PartnerOptions<Values extends CommonSwitches, Counter extends string> {
  switches: SwitchTable<Values>;
  /** What it counts besides what is counted everywhere. */
  counters?: readonly Counter[];
}

type Fate = 'hang' | 'reset' | 'error' | 'garbage' | 'answer';

/** An HTTP server of 127.0.0.1 that misbehaves as its switches say. */
export class SwitchableServer<Values extends CommonSwitches, Counter extends string = never> {
  private readonly http = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    this.serve(request, response);
  });
  private readonly switches: Switches<Values>;
  private readonly own = new Map<Counter, number>();
  private answer: Answer = (_, response) => {
    sendJson(response, 503, { error: 'starting' });
  };
  private port = 0;
  private requests = 0;
  private succeeded = 0;
  private inFlight = 0;
  private connections = 0;
  private lastRequestAt: number | undefined;
  /** Requests since the error rate has been set. */
  private rated = 0;
  private settled = Promise.resolve();

  private constructor(
    table: SwitchTable<Values>,
    private readonly counters: readonly Counter[],
  ) {
    this.switches = new Switches(table);
    this.http.on('connection', () => {
      this.connections += 1;
    });
  }

  /** Starts one on a free port, which stays its own. */
  static async start<Values extends CommonSwitches, Counter extends string = never>({
    switches,
    counters = [],
  }: PartnerOptions<Values, Counter>): Promise<SwitchableServer<Values, Counter>> {
    const server = new SwitchableServer(switches, counters);
    await server.listen();
    return server;
  }

  /** Says what it answers from now on; until then it is not there yet. */
  answerWith(answer: Answer): void {
    this.answer = answer;
  }

  get url(): string {
    return `http://${HOST}:${this.port}`;
  }

  /** The switches as they stand now. */
  get values(): Readonly<Values> {
    return this.switches.values;
  }

  state(): PartnerState<Values, Counter> {
    const { requests, succeeded, inFlight, connections, lastRequestAt } = this;
    const own = this.counters.map((counter) => [counter, this.own.get(counter) ?? 0]);
    return {
      url: this.url,
      switches: this.switches.values,
      counts: {
        requests,
        succeeded,
        inFlight,
        connections,
        lastRequestAt: lastRequestAt === undefined ? null : new Date(lastRequestAt).toISOString(),
        ...(Object.fromEntries(own) as Record<Counter, number>),
      },
    };
  }

  count(counter: Counter): void {
    this.own.set(counter, (this.own.get(counter) ?? 0) + 1);
  }

  /** Sets switches; what they are to change has changed when this is over. */
  async change(changes: Readonly<Record<string, unknown>>): Promise<void> {
    this.switches.set(changes);
    if ('errorRate' in changes) this.rated = 0;
    await this.settle();
  }

  /** Sets the switches back and the counts to 0; what is in flight stays so. */
  async reset(): Promise<void> {
    this.switches.reset();
    this.own.clear();
    this.requests = this.succeeded = this.connections = this.rated = 0;
    this.lastRequestAt = undefined;
    await this.settle();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    this.inFlight += 1;
    this.lastRequestAt = Date.now();
    let latency: NodeJS.Timeout | undefined;
    response.once('finish', () => {
      if (response.statusCode >= 200 && response.statusCode < 300) this.succeeded += 1;
    });
    response.once('close', () => {
      this.inFlight -= 1;
      clearTimeout(latency);
    });

    // Told on arrival: of two requests that wait, the first to come is the first to fail.
    const fate = this.fate();
    if (fate === 'hang') {
      // What nobody reads keeps the client's going away from being noticed.
      request.resume();
      return;
    }
    const { latencyMs } = this.values;
    if (latencyMs === 0) this.meet(fate, request, response);
    else {
      latency = setTimeout(() => {
        this.meet(fate, request, response);
      }, latencyMs);
    }
  }

  private fate(): Fate {
    const switches: CommonSwitches = this.switches.values;
    if (switches.hang) return 'hang';
    if (switches.reset) return 'reset';
    if (switches.failNext > 0) {
      switches.failNext -= 1;
      return 'error';
    }
    if (switches.errorRate > 0) {
      const failed = failures(this.rated, switches.errorRate);
      this.rated += 1;
      if (failures(this.rated, switches.errorRate) > failed) return 'error';
    }
    return switches.garbage ? 'garbage' : 'answer';
  }

  private meet(fate: Fate, request: IncomingMessage, response: ServerResponse): void {
    const { errorStatus, retryAfter } = this.values;
    switch (fate) {
      case 'hang':
        break;
      case 'reset':
        request.socket.resetAndDestroy();
        break;
      case 'error':
        if (retryAfter !== null) response.setHeader('retry-after', retryAfter);
        sendJson(response, errorStatus, {
          error: 'temporarily_unavailable',
          error_description: 'The sandbox is told to fail',
        });
        break;
      case 'garbage':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('<!doctype html><p>This is not JSON');
        break;
      case 'answer':
        void this.answerOrFail(request, response);
    }
  }

  private async answerOrFail(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.answer(request, response);
    } catch (error) {
      console.error(error);
      response.destroy();
    }
  }

  /** Listens or does not, as `down` says, when all changes before have done so. */
  private async settle(): Promise<void> {
    const settling = this.settled.then(async () => {
      if (this.values.down === !this.http.listening) return;
      if (this.values.down) await this.close();
      else await this.listen();
    });
    this.settled = settling.catch(() => undefined);
    await settling;
  }

  private async listen(): Promise<void> {
    // While a partner is down its port is anyone's: an outgoing connection may hold it for a moment.
    for (let attemptsLeft = 50; ; attemptsLeft--) {
      try {
        this.http.listen(this.port, HOST);
        await once(this.http, 'listening');
        this.port = (this.http.address() as AddressInfo).port;
        return;
      } catch (error) {
        if (attemptsLeft === 0) throw error;
        await sleep(100);
      }
    }
  }

  private async close(): Promise<void> {
    this.http.close();
    this.http.closeAllConnections();
    await once(this.http, 'close');
  }
}

function failures(requests: number, rate: number): number {
  // 0.1 * 30 is a little over 3, 0.7 * 10 is a little under 7: the margin makes both right.
  return Math.floor(requests * rate + 1e-9);
}
