import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { stopAfterTest } from '../support/after-test.js';
import { type HttpResponse, httpFetch } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { type PartnerSwitches, type Sandbox, startSandbox } from '../support/sandbox.js';
import { type ResponseChooser, WebhookReceiver } from '../support/webhook-receiver.js';

interface CatalogEvent {
  readonly type: string;
  readonly data: { readonly sku: string; readonly revision: number };
}

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox();
});

beforeEach(async () => {
  await sandbox.reset();
});

afterAll(async () => {
  await sandbox.stop();
});

async function requestToken(clientSecret = sandbox.partners.clientSecret) {
  const { tokenUrl, clientId, scope } = sandbox.partners;
  return await httpFetch<{ readonly access_token: string }>(tokenUrl, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  });
}

async function newToken(): Promise<string> {
  return (await requestToken()).body.access_token;
}

function stockUrl(sku = 'OKRA-1'): string {
  return `${sandbox.partners.inventoryUrl}/products/${encodeURIComponent(sku)}/availability`;
}

async function requestStock(
  token: string,
  sku?: string,
): Promise<HttpResponse<{ quantity: number }>> {
  const headers = { authorization: `Bearer ${token}` };
  return await httpFetch(stockUrl(sku), { headers, redirect: 'manual' });
}

describe('the authorization server', () => {
  it('issues tokens to the client with the right secret only', async () => {
    expect((await requestToken('wrong')).body).toMatchObject({ error: 'invalid_client' });
    const { status, body } = await requestToken();
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 600,
      scope: sandbox.partners.scope,
    });
    expect((await sandbox.state()).oauth.counts).toMatchObject({ requests: 2, tokensIssued: 1 });
  });

  it('expires a token after expiresIn', async () => {
    await sandbox.switch('oauth', { expiresIn: 1 });
    const token = await newToken();
    await eventually(async () => ((await requestStock(token)).status === 401 ? true : undefined));
  });

  it.each([
    [-1, { expires_in: -1 }],
    ['3600', { expires_in: '3600' }],
    [null, { expires_in: null }],
    ['absent', {}],
  ])('responds with the expires_in that a switch sets: %p', async (expiresInAnswer, expected) => {
    await sandbox.switch('oauth', { expiresInAnswer });
    const { access_token, ...body } = (await requestToken()).body;
    expect(body).toEqual({ token_type: 'Bearer', scope: sandbox.partners.scope, ...expected });
    expect((await requestStock(access_token)).status).toBe(200);
  });

  it('responds with the error that a switch sets', async () => {
    await sandbox.switch('oauth', { oauthError: 'invalid_scope' });
    expect(await requestToken()).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });
});

describe('API A', () => {
  let token: string;

  beforeEach(async () => {
    token = await newToken();
  });

  it('returns the stock of a product, and the stock that a switch sets', async () => {
    const { status, body } = await requestStock(token, 'FIG/7 é');
    expect(status).toBe(200);
    expect(body).toEqual({
      sku: 'FIG/7 é',
      quantity: expect.any(Number),
      asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    await sandbox.switch('inventory', { stock: { 'OKRA-1': 12.5 } });
    await sandbox.switch('inventory', { stock: { 'FIG-1': null } });
    expect((await requestStock(token, 'OKRA-1')).body.quantity).toBe(12.5);
    expect((await requestStock(token, 'FIG-1')).status).toBe(404);
  });

  it('rejects unknown and revoked tokens, and all tokens when wrongToken is set', async () => {
    expect((await requestStock('unknown')).status).toBe(401);
    await sandbox.revoke();
    expect((await requestStock(token)).status).toBe(401);
    expect((await requestStock(await newToken())).status).toBe(200);
    await sandbox.switch('inventory', { wrongToken: true });
    expect((await requestStock(await newToken())).status).toBe(401);
  });

  it('fails every second request at an error rate of 0.5', async () => {
    await sandbox.switch('inventory', { errorRate: 0.5, errorStatus: 502, retryAfter: 7 });
    expect((await requestStock(token)).status).toBe(200);
    const { status, headers } = await requestStock(token);
    expect([status, headers.get('retry-after')]).toEqual([502, '7']);
    expect((await sandbox.state()).inventory.counts).toMatchObject({ requests: 2, succeeded: 1 });
  });

  it.each<[string, Partial<PartnerSwitches['inventory']>, object]>([
    ['the body that answer sets', { answer: { sku: 'X' } }, { status: 200, body: { sku: 'X' } }],
    ['another SKU', { wrongSku: true }, { status: 200, body: { sku: 'OKRA-1-OTHER' } }],
    [
      'a body of 5 MB',
      { huge: true },
      { body: { padding: expect.stringMatching(/^x{5000000}$/) } },
    ],
    ['a redirect', { redirect: true }, { status: 302 }],
    ['errorStatus', { failNext: 1, errorStatus: 500 }, { status: 500 }],
  ])('responds with %s', async (_, switches, expected) => {
    await sandbox.switch('inventory', switches);
    expect(await requestStock(token)).toMatchObject(expected);
  });

  it.each<[string, Partial<PartnerSwitches['inventory']>, string]>([
    ['resets connections', { reset: true }, 'fetch failed'],
    ['responds with invalid JSON', { garbage: true }, 'is not valid JSON'],
    ['refuses connections', { down: true }, 'fetch failed'],
  ])('%s', async (_, switches, message) => {
    await sandbox.switch('inventory', switches);
    await expect(requestStock(token)).rejects.toThrow(message);
    await sandbox.reset();
    expect((await requestStock(token)).status).toBe(200);
  });

  it('does not respond while hang is set, nor before latencyMs is over', async () => {
    for (const switches of [{ hang: true }, { hang: false, latencyMs: 60_000 }]) {
      await sandbox.switch('inventory', switches);
      const client = new AbortController();
      const aborted = expect(fetch(stockUrl(), client)).rejects.toThrow('aborted');
      await eventually(async () =>
        (await sandbox.state()).inventory.counts.inFlight === 1 ? true : undefined,
      );
      client.abort();
      await aborted;
    }
  });
});

describe('API B', () => {
  async function startReceiver(respond?: ResponseChooser): Promise<WebhookReceiver> {
    const receiver = await WebhookReceiver.start(sandbox.partners.webhookSecret, respond);
    stopAfterTest(() => receiver.stop());
    return receiver;
  }

  it('registers a callback with a valid token, and sends signed events to it', async () => {
    const receiver = await startReceiver();
    const register = async (token: string) =>
      await httpFetch(`${sandbox.partners.catalogUrl}/subscriptions/farmlokal`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ url: receiver.url, events: ['product.upserted'] }),
      });
    expect((await register('unknown')).status).toBe(401);
    expect((await register(await newToken())).status).toBe(201);

    const { oracle, ...summary } = await sandbox.emit({ count: 200, products: 20, oracle: true });
    expect(summary).toMatchObject({ requests: 200, answered: { processed: 200 }, gaveUp: 0 });
    expect(receiver.messages.every(({ verified }) => verified)).toBe(true);
    const events = receiver.messages.map(({ body }) => JSON.parse(body) as CatalogEvent);
    expect(events.filter(({ type }) => type === 'product.deleted')).toHaveLength(10);
    const revisions = new Map<string, number>();
    for (const { data } of events) {
      revisions.set(data.sku, Math.max(data.revision, revisions.get(data.sku) ?? 0));
    }
    expect(new Map(oracle.products.map(({ sku, revision }) => [sku, revision]))).toEqual(revisions);
  });

  it('sends duplicates in random order, and messages with a wrong signature', async () => {
    const receiver = await startReceiver();
    const summary = await sandbox.emit({
      urls: [receiver.url],
      count: 100,
      duplicates: 0.3,
      badSignatures: 0.1,
      shuffle: true,
      bursts: 50,
      oracle: true,
    });
    expect(summary).toMatchObject({ requests: 130, badSignatures: { sent: 10, refused: 10 } });
    const valid = receiver.messages.filter(({ verified }) => verified).map(({ id }) => id);
    expect(valid).toHaveLength(130);
    const created = summary.oracle.events.map(({ id }) => id);
    expect(new Set(valid)).toEqual(new Set(created));
    expect([...new Set(valid)]).not.toEqual(created);
    expect(summary.oracle.events.filter(({ accepted }) => accepted === 2)).toHaveLength(30);
  });

  it('retries with a fresh signature until an event is accepted or rejected', async () => {
    const statuses = [503, 0, 500, 204];
    const accepting = await startReceiver((_, before) => ({ status: statuses[before] ?? 204 }));
    const { statuses: attempts } = await sandbox.emit({ urls: [accepting.url], count: 2 });
    expect(attempts).toEqual({ 204: 2, 500: 2, 503: 2, failed: 2 });
    expect(accepting.messages.every(({ verified }) => verified)).toBe(true);
    const rejecting = await startReceiver(() => ({ status: 422 }));
    const { refused } = await sandbox.emit({ urls: [rejecting.url], count: 2 });
    expect([refused, rejecting.messages.length]).toEqual([2, 2]);
  });

  it('runs one emit at a time, and ends it when the client disconnects', async () => {
    const receiver = await startReceiver(() => ({ status: 503 }));
    const client = new AbortController();
    const run = fetch(`${sandbox.partners.controlUrl}/catalog/emit`, {
      method: 'POST',
      body: JSON.stringify({ urls: [receiver.url] }),
      signal: client.signal,
    });
    const aborted = expect(run).rejects.toThrow('aborted');
    const progress = async () => (await sandbox.state()).catalog.emit;
    expect(await eventually(async () => (await progress()) ?? undefined)).toMatchObject({
      deliveries: 100,
      done: 0,
    });
    await expect(sandbox.emit({ urls: [receiver.url] })).rejects.toMatchObject({ status: 409 });
    client.abort();
    await aborted;
    await eventually(async () => ((await progress()) === null ? true : undefined));
  });
});

describe('the switchboard', () => {
  it.each([
    ['inventory', '{"hang":true,"speed":1}', 'speed: no such switch'],
    ['inventory', '{"hang":true,"errorRate":2}', 'errorRate: must be a number from 0 to 1'],
    ['oauth', '[]', 'must be a JSON object'],
  ])('rejects a change of %s to %s, and changes nothing', async (partner, body, error) => {
    const before = await sandbox.state();
    const url = `${sandbox.partners.controlUrl}/${partner}`;
    expect(await httpFetch(url, { method: 'PATCH', body })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(error) },
    });
    expect(await sandbox.state()).toEqual(before);
  });

  it('shows no secret', async () => {
    const state = JSON.stringify(await sandbox.state());
    expect(state).not.toContain(sandbox.partners.clientSecret);
    expect(state).not.toContain(sandbox.partners.webhookSecret);
  });
});
