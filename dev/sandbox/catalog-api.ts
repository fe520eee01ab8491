import type { IncomingMessage, ServerResponse } from 'node:http';

import { hasGoodToken, refuseToken, type TokenJudge } from './bearer-token.js';
import { Campaign } from './campaign.js';
import type { CampaignProgress, CampaignSummary } from './campaign-summary.js';
import { isHttpUrl, readEmitOptions } from './emit-options.js';
import { BadBodyError, readJsonObject, sendJson } from './json.js';
import { COMMON_SWITCHES, type CommonSwitches, SwitchableServer } from './switchable-server.js';
import { flag, type SwitchTable } from './switches.js';

const MAX_BODY_BYTES = 64 * 1024;

/** What can be set of API B. */
export interface CatalogSwitches extends CommonSwitches {
  /** Takes every token for a wrong one. */
  wrongToken: boolean;
}

const SWITCHES: SwitchTable<CatalogSwitches> = { ...COMMON_SWITCHES, wrongToken: flag() };

/** Where changes of the catalogue are sent, and which. */
export interface Subscription {
  readonly url: string;
  readonly events: readonly string[];
}

/** What the switchboard shows of API B besides its switches and counts. */
export interface CatalogDetails {
  readonly subscription: Subscription | null;
  /** The campaign that is under way. */
  readonly campaign: CampaignProgress | null;
}

/** Says that one campaign at a time is enough. */
export class CampaignUnderWayError extends Error {}

/** API B: takes the registration of a callback, and sends changes of the catalogue there when told. */
export class CatalogApi {
  private subscription: Subscription | null = null;
  private campaign: Campaign | undefined;

  private constructor(
    readonly server: SwitchableServer<CatalogSwitches, 'registrations'>,
    private readonly tokens: TokenJudge,
    private readonly secret: string,
    private readonly currency: string,
  ) {}

  /**
   * @param secret what it signs with: `whsec_` and base64
   * @param currency in which its products are priced
   */
  static async start(tokens: TokenJudge, secret: string, currency: string): Promise<CatalogApi> {
    const server: CatalogApi['server'] = await SwitchableServer.start({
      switches: SWITCHES,
      counters: ['registrations'],
    });
    const api = new CatalogApi(server, tokens, secret, currency);
    server.answerWith((request, response) => api.answer(request, response));
    return api;
  }

  details(): CatalogDetails {
    return { subscription: this.subscription, campaign: this.campaign?.progress ?? null };
  }

  /**
   * Makes changes of the catalogue and sends them until all are settled.
   *
   * @throws BadSwitchError that names the bad options.
   * @throws CampaignUnderWayError while it does that already.
   */
  async emit(
    given: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<CampaignSummary> {
    const options = readEmitOptions(given, this.currency, this.subscription?.url);
    if (this.campaign !== undefined) {
      throw new CampaignUnderWayError('A campaign is under way; there is one at a time');
    }
    this.campaign = new Campaign(options, this.secret);
    try {
      return await this.campaign.run(signal);
    } finally {
      this.campaign = undefined;
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isPut = request.method === 'PUT';
    if (request.url !== '/subscriptions/farmlokal' || !(isPut || request.method === 'GET')) {
      sendJson(response, 404, { error: 'not_found' });
    } else if (this.server.values.wrongToken || !(await hasGoodToken(request, this.tokens))) {
      refuseToken(response);
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
      const refusal = { error: 'invalid_request', error_description: body.message };
      sendJson(response, body.status, refusal, { connection: 'close' });
      return;
    }
    const subscription = readSubscription(body);
    if (subscription === undefined) {
      sendJson(response, 400, {
        error: 'invalid_subscription',
        error_description: 'It takes a url (http or https) and events, their types',
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
