import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { sendJson } from './json.js';
import { flag, integer, nullable, share, Switches, type SwitchTable } from './switches.js';

const HOST = '127.0.0.1';
/** Longer than any client keeps an idle connection, so that the client closes it. */
const KEEP_ALIVE_MS = 60_000;

/** The switches that every partner has. */
export interface CommonSwitches {
  /** Delay before every response. */
  latencyMs: number;
  /** Share of the requests that get `errorStatus`, evenly spread: every second one at 0.5. */
  errorRate: number;
  errorStatus: number;
  /** Retry-After in seconds of the `errorStatus` responses; null for none. */
  retryAfter: number | null;
  /** How many of the next requests get `errorStatus`; counts down. */
  failNext: number;
  /** Never responds. A request that hangs stays so when the switch is turned off. */
  hang: boolean;
  /** Resets the connection instead of responding. */
  reset: boolean;
  /** Responds 200 with a body that is not JSON, in spite of its content type. */
  garbage: boolean;
  /** Refuses connections, and closes the open ones. */
  down: boolean;
}

/** What each common switch accepts. A partner spreads it into its own table. */
export const COMMON_SWITCHES: SwitchTable<CommonSwitches> = {
  latencyMs: integer(0, 0, 60_000),
  errorRate: share(),
  errorStatus: integer(503, 400, 599),
  retryAfter: nullable(integer(0, 0, 86_400)),
  failNext: integer(0, 0, 1_000_000),
  hang: flag(),
  reset: flag(),
  garbage: flag(),
  down: flag(),
};

/** The counters that every partner has. */
export interface CommonCounts {
  /** All requests received. */
  requests: number;
  /** Requests that got a 2xx. */
  succeeded: number;
  /** Requests that wait for a response now. */
  inFlight: number;
  /** Connections accepted. */
  connections: number;
  lastRequestAt: string | null;
}

/** The state of a partner, as the switchboard shows it. */
export interface PartnerState<Values, Counter extends string = never> {
  url: string;
  switches: Values;
  counts: CommonCounts & Record<Counter, number>;
}

/** Handles a request when no switch overrides the response. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** The options of a partner's server. */
export interface PartnerOptions<Values extends CommonSwitches, Counter extends string> {
  switches: SwitchTable<Values>;
  /** Counters in addition to the common ones. */
  counters?: readonly Counter[];
}

type Behavior = 'hang' | 'reset' | 'error' | 'garbage' | 'normal';

/** An HTTP server on 127.0.0.1 whose switches make it fail on purpose. */
export class SwitchableServer<Values extends CommonSwitches, Counter extends string = never> {
  private readonly http = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    this.serve(request, response);
  });
  private readonly switches: Switches<Values>;
  private readonly ownCounts = new Map<Counter, number>();
  private handler: Handler = (_, response) => {
    sendJson(response, 503, { error: 'starting' });
  };
  private port = 0;
  private requests = 0;
  private succeeded = 0;
  private inFlight = 0;
  private connections = 0;
  private lastRequestAt: number | undefined;
  /** Requests since `errorRate` was set. */
  private ratedRequests = 0;
  private lastUpdate = Promise.resolve();

  private constructor(
    table: SwitchTable<Values>,
    private readonly counters: readonly Counter[],
  ) {
    this.switches = new Switches(table);
    this.http.on('connection', () => {
      this.connections += 1;
    });
  }

  /** Starts a server on a free port. It keeps the port while it is down. */
  static async start<Values extends CommonSwitches, Counter extends string = never>({
    switches,
    counters = [],
  }: PartnerOptions<Values, Counter>): Promise<SwitchableServer<Values, Counter>> {
    const server = new SwitchableServer(switches, counters);
    await server.listen();
    return server;
  }

  /** Sets the request handler. Until then every request gets a 503. */
  setHandler(handler: Handler): void {
    this.handler = handler;
  }

  get url(): string {
    return `http://${HOST}:${this.port}`;
  }

  /** The current settings. */
  get values(): Readonly<Values> {
    return this.switches.values;
  }

  state(): PartnerState<Values, Counter> {
    const { requests, succeeded, inFlight, connections, lastRequestAt } = this;
    const ownCounts = this.counters.map((counter) => [counter, this.ownCounts.get(counter) ?? 0]);
    return {
      url: this.url,
      switches: this.switches.values,
      counts: {
        requests,
        succeeded,
        inFlight,
        connections,
        lastRequestAt: lastRequestAt === undefined ? null : new Date(lastRequestAt).toISOString(),
        ...(Object.fromEntries(ownCounts) as Record<Counter, number>),
      },
    };
  }

  count(counter: Counter): void {
    this.ownCounts.set(counter, (this.ownCounts.get(counter) ?? 0) + 1);
  }

  /**
   * Sets switches. Resolves when they are in effect.
   *
   * @throws BadSwitchError
   */
  async change(changes: Readonly<Record<string, unknown>>): Promise<void> {
    this.switches.set(changes);
    if ('errorRate' in changes) this.ratedRequests = 0;
    await this.updateListening();
  }

  /** Resets the switches and the counters. Requests in flight are not affected. */
  async reset(): Promise<void> {
    this.switches.reset();
    this.ownCounts.clear();
    this.requests = this.succeeded = this.connections = this.ratedRequests = 0;
    this.lastRequestAt = undefined;
    await this.updateListening();
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

    // Decided on arrival, so that latency does not change which requests fail.
    const behavior = this.nextBehavior();
    if (behavior === 'hang') {
      // Without a reader, Node does not notice that the client disconnects.
      request.resume();
      return;
    }
    const { latencyMs } = this.values;
    if (latencyMs === 0) this.respond(behavior, request, response);
    else {
      latency = setTimeout(() => {
        this.respond(behavior, request, response);
      }, latencyMs);
    }
  }

  private nextBehavior(): Behavior {
    const switches: CommonSwitches = this.switches.values;
    if (switches.hang) return 'hang';
    if (switches.reset) return 'reset';
    if (switches.failNext > 0) {
      switches.failNext -= 1;
      return 'error';
    }
    if (switches.errorRate > 0) {
      const failed = failures(this.ratedRequests, switches.errorRate);
      this.ratedRequests += 1;
      if (failures(this.ratedRequests, switches.errorRate) > failed) return 'error';
    }
    return switches.garbage ? 'garbage' : 'normal';
  }

  private respond(behavior: Behavior, request: IncomingMessage, response: ServerResponse): void {
    const { errorStatus, retryAfter } = this.values;
    switch (behavior) {
      case 'hang':
        break;
      case 'reset':
        request.socket.resetAndDestroy();
        break;
      case 'error':
        if (retryAfter !== null) response.setHeader('retry-after', retryAfter);
        sendJson(response, errorStatus, {
          error: 'temporarily_unavailable',
          error_description: 'A switch makes this request fail',
        });
        break;
      case 'garbage':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('<!doctype html><p>This is not JSON');
        break;
      case 'normal':
        void this.handle(request, response);
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.handler(request, response);
    } catch (error) {
      console.error(error);
      response.destroy();
    }
  }

  /** Starts or stops listening according to `down`, after the earlier changes. */
  private async updateListening(): Promise<void> {
    const update = this.lastUpdate.then(async () => {
      if (this.values.down === !this.http.listening) return;
      if (this.values.down) await this.close();
      else await this.listen();
    });
    this.lastUpdate = update.catch(() => undefined);
    await update;
  }

  private async listen(): Promise<void> {
    // While the server was down, an outgoing connection may have taken its port for a moment.
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
  // The margin corrects floating-point errors: 0.7 * 10 is a little less than 7.
  return Math.floor(requests * rate + 1e-9);
}
