import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { hasGoodToken, refuseToken, type TokenJudge } from './bearer-token.js';
import { isJsonObject, type Json, sendJson } from './json.js';
import { COMMON_SWITCHES, type CommonSwitches, SwitchableServer } from './switchable-server.js';
import { flag, type Switch, type SwitchTable } from './switches.js';

const MAX_STOCK = 1_000;
const HUGE_BYTES = 5_000_000;

/** What is in stock by SKU; null for what the inventory does not know. */
export type Stock = Readonly<Record<string, number | null>>;

/** What can be set of the inventory. */
export interface InventorySwitches extends CommonSwitches {
  /** Takes every token for a wrong one. */
  wrongToken: boolean;
  /** Pads the answer to 5 MB. */
  huge: boolean;
  /** Sends to /elsewhere, where there is nothing. */
  redirect: boolean;
  /** Answers for another SKU than the one asked for. */
  wrongSku: boolean;
  /** Quantities that are to be found; what is set joins what has been set before. */
  stock: Stock;
  /** The body of every answer, whatever it should be; null leaves it as it should be. */
  answer: Json;
}

const STOCK: Switch<Stock> = {
  initial: {},
  takes: `an object of a number or null for each SKU, ${MAX_STOCK} of them in all`,
  read: (value, current) => {
    if (!isStock(value)) return undefined;
    const stock = { ...current, ...value };
    return Object.keys(stock).length <= MAX_STOCK ? stock : undefined;
  },
};

const ANSWER: Switch<Json> = {
  initial: null,
  takes: 'any JSON',
  // Whatever comes here has come out of JSON.
  read: (value) => value as Json,
};

const SWITCHES: SwitchTable<InventorySwitches> = {
  ...COMMON_SWITCHES,
  wrongToken: flag(),
  huge: flag(),
  redirect: flag(),
  wrongSku: flag(),
  stock: STOCK,
  answer: ANSWER,
};

/** API A: how much there is of a product. */
export class InventoryApi {
  private constructor(
    readonly server: SwitchableServer<InventorySwitches>,
    private readonly tokens: TokenJudge,
  ) {}

  static async start(tokens: TokenJudge): Promise<InventoryApi> {
    const api = new InventoryApi(await SwitchableServer.start({ switches: SWITCHES }), tokens);
    api.server.answerWith((request, response) => api.answer(request, response));
    return api;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = /^\/products\/([^/?]+)\/availability$/.exec(request.url ?? '');
    if (request.method !== 'GET' || path?.[1] === undefined) {
      sendJson(response, 404, { error: 'not_found' });
      return;
    }
    if (this.server.values.wrongToken || !(await hasGoodToken(request, this.tokens))) {
      refuseToken(response);
      return;
    }
    const sku = decode(path[1]);
    if (sku === undefined) sendJson(response, 400, { error: 'invalid_sku' });
    else this.answerAbout(sku, response);
  }

  private answerAbout(sku: string, response: ServerResponse): void {
    const { answer, huge, redirect, stock, wrongSku } = this.server.values;
    if (redirect) {
      response.writeHead(302, { location: '/elsewhere', 'content-length': 0 }).end();
      return;
    }
    if (answer !== null) {
      sendJson(response, 200, answer);
      return;
    }
    const quantity = Object.hasOwn(stock, sku) ? stock[sku] : usualQuantity(sku);
    if (typeof quantity !== 'number') {
      sendJson(response, 404, { error: 'unknown_sku', sku });
      return;
    }
    sendJson(response, 200, {
      sku: wrongSku ? `${sku}-OTHER` : sku,
      quantity,
      asOf: new Date().toISOString(),
      ...(huge ? { padding: 'x'.repeat(HUGE_BYTES) } : {}),
    });
  }
}

/** The same for the same SKU on every machine and at every start. */
function usualQuantity(sku: string): number {
  return createHash('sha256').update(sku).digest().readUInt32BE() % 500;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isStock(value: unknown): value is Stock {
  return (
    isJsonObject(value) &&
    Object.values(value).every((quantity) => quantity === null || typeof quantity === 'number')
  );
}
