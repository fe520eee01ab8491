import type { IncomingMessage, ServerResponse } from 'node:http';

import { hasValidToken, rejectToken, type TokenVerifier } from './bearer-token.js';
import { isHttpUrl, readEmitOptions } from './emit-options.js';
import { EmitRun } from './emit-run.js';
import type { EmitProgress, EmitSummary } from './emit-summary.js';
import { BadBodyError, readJsonObject, sendJson } from './json.js';
import { COMMON_SWITCHES, type CommonSwitches, SwitchableServer } from './switchable-server.js';
import { flag, type SwitchTable } from './switches.js';

const MAX_BODY_BYTES = 64 * 1024;

/** The switches of API B. */
export interface CatalogSwitches extends CommonSwitches {
  /** Rejects every token. */
  wrongToken: boolean;
}

const SWITCHES: SwitchTable<CatalogSwitches> = { ...COMMON_SWITCHES, wrongToken: flag() };

/** A registered callback and the event types that it receives. */
export interface Subscription {
  readonly url: string;
  readonly events: readonly string[];
}

/** The part of API B's state that other partners do not have. */
export interface CatalogDetails {
  readonly subscription: Subscription | null;
  /** The progress of the emit run; null when none is running. */
  readonly emit: EmitProgress | null;
}

/** Thrown when an emit run is started while another one is running. */
export class EmitInProgressError extends Error {
  constructor() {
    super('An emit run is already in progress');
  }
}

/** API B: accepts the registration of a callback, and sends catalog events to it on demand. */
export class CatalogApi {
  private subscription: Subscription | null = null;
  private emitRun: EmitRun | undefined;

  private constructor(
    readonly server: SwitchableServer<CatalogSwitches, 'registrations'>,
    private readonly tokens: TokenVerifier,
    private readonly secret: string,
    private readonly currency: string,
  ) {}

  /**
   * @param secret the webhook secret: `whsec_` and base64
   * @param currency the ISO 4217 code of its prices
   */
  static async start(tokens: TokenVerifier, secret: string, currency: string): Promise<CatalogApi> {
    const server: CatalogApi['server'] = await SwitchableServer.start({
      switches: SWITCHES,
      counters: ['registrations'],
    });
    const api = new CatalogApi(server, tokens, secret, currency);
    server.setHandler((request, response) => api.handle(request, response));
    return api;
  }

  details(): CatalogDetails {
    return { subscription: this.subscription, emit: this.emitRun?.progress ?? null };
  }

  /**
   * Generates catalog events and sends them until each is accepted or rejected. The signal ends the run early.
   *
   * @throws BadSwitchError that names every invalid option.
   * @throws EmitInProgressError
   */
  async emit(given: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<EmitSummary> {
    const options = readEmitOptions(given, this.currency, this.subscription?.url);
    if (this.emitRun !== undefined) throw new EmitInProgressError();
    this.emitRun = new EmitRun(options, this.secret);
    try {
      return await this.emitRun.run(signal);
    } finally {
      this.emitRun = undefined;
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isPut = request.method === 'PUT';
    if (request.url !== '/subscriptions/farmlokal' || !(isPut || request.method === 'GET')) {
      sendJson(response, 404, { error: 'not_found' });
    } else if (this.server.values.wrongToken || !(await hasValidToken(request, this.tokens))) {
      rejectToken(response);
    } else if (isPut) await this.register(request, response);
    else if (this.subscription === null) sendJson(response, 404, { error: 'not_registered' });
    else sendJson(response, 200, this.subscription);
  }

  private async register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJsonObject(request, MAX_BODY_BYTES).catch((error: unknown) => {
      if (error instanceof BadBodyError) return error;
      throw error;
    });
    if (body instanceof BadBodyError) {
      const problem = { error: 'invalid_request', error_description: body.message };
      sendJson(response, body.status, problem, { connection: 'close' });
      return;
    }
    const subscription = readSubscription(body);
    if (subscription === undefined) {
      sendJson(response, 400, {
        error: 'invalid_subscription',
        error_description:
          'A subscription needs a url (http or https) and events (a list of types)',
      });
      return;
    }
    const status = this.subscription === null ? 201 : 200;
    this.subscription = subscription;
    this.server.count('registrations');
    sendJson(response, status, subscription);
  }
}

function readSubscription({
  url,
  events,
}: Readonly<Record<string, unknown>>): Subscription | undefined {
  if (!isHttpUrl(url) || !Array.isArray(events) || events.length === 0) return undefined;
  const types = events.filter((type) => typeof type === 'string' && type !== '') as string[];
  return types.length === events.length ? { url, events: types } : undefined;
}
