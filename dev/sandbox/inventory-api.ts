import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { hasValidToken, rejectToken, type TokenVerifier } from './bearer-token.js';
import { isJsonObject, type Json, sendJson } from './json.js';
import { COMMON_SWITCHES, type CommonSwitches, SwitchableServer } from './switchable-server.js';
import { flag, type Switch, type SwitchTable } from './switches.js';

const MAX_STOCK = 1_000;
const HUGE_BYTES = 5_000_000;

/** Quantities by SKU; null for a SKU that the inventory does not know. */
export type Stock = Readonly<Record<string, number | null>>;

/** The switches of API A. */
export interface InventorySwitches extends CommonSwitches {
  /** Rejects every token. */
  wrongToken: boolean;
  /** Pads the response to 5 MB. */
  huge: boolean;
  /** Redirects to a path that does not exist. */
  redirect: boolean;
  /** Responds with another SKU than the requested one. */
  wrongSku: boolean;
  /** Overrides quantities. A change is merged into the earlier ones. */
  stock: Stock;
  /** Replaces the body of every response; null for the normal one. */
  answer: Json;
}

const STOCK: Switch<Stock> = {
  initial: {},
  accepts: `an object with a number or null for each SKU, at most ${MAX_STOCK} in total`,
  read: (value, current) => {
    if (!isStock(value)) return undefined;
    const stock = { ...current, ...value };
    return Object.keys(stock).length <= MAX_STOCK ? stock : undefined;
  },
};

const ANSWER: Switch<Json> = {
  initial: null,
  accepts: 'any JSON value',
  // The value comes from a JSON body.
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

/** API A: returns the stock of a product. */
export class InventoryApi {
  private constructor(
    readonly server: SwitchableServer<InventorySwitches>,
    private readonly tokens: TokenVerifier,
  ) {}

  static async start(tokens: TokenVerifier): Promise<InventoryApi> {
    const api = new InventoryApi(await SwitchableServer.start({ switches: SWITCHES }), tokens);
    api.server.setHandler((request, response) => api.handle(request, response));
    return api;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = /^\/products\/([^/?]+)\/availability$/.exec(request.url ?? '');
    if (request.method !== 'GET' || path?.[1] === undefined) {
      sendJson(response, 404, { error: 'not_found' });
      return;
    }
    if (this.server.values.wrongToken || !(await hasValidToken(request, this.tokens))) {
      rejectToken(response);
      return;
    }
    const sku = decode(path[1]);
    if (sku === undefined) sendJson(response, 400, { error: 'invalid_sku' });
    else this.sendStock(sku, response);
  }

  private sendStock(sku: string, response: ServerResponse): void {
    const { answer, huge, redirect, stock, wrongSku } = this.server.values;
    if (redirect) {
      response.writeHead(302, { location: '/elsewhere', 'content-length': 0 }).end();
      return;
    }
    if (answer !== null) {
      sendJson(response, 200, answer);
      return;
    }
    const quantity = Object.hasOwn(stock, sku) ? stock[sku] : defaultQuantity(sku);
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

/** Depends on the SKU only, so it is the same after a restart. */
function defaultQuantity(sku: string): number {
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
