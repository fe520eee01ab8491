import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { stopAfterTest } from './support/after-test.js';
import { type Answer, ask } from './support/answer.js';
import { eventually } from './support/eventually.js';
import { type Sandbox, startSandbox } from './support/sandbox.js';
import {
  type Answering,
  type ReceivedMessage,
  WebhookReceiver,
} from './support/webhook-receiver.js';

interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in?: unknown;
  readonly scope: string;
  readonly error?: string;
}

interface Availability {
  readonly sku: string;
  readonly quantity: number;
  readonly asOf: string;
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

async function askForToken(
  clientSecret = sandbox.partners.clientSecret,
  signal?: AbortSignal,
): Promise<Answer<TokenAnswer>> {
  const { tokenUrl, clientId, scope } = sandbox.partners;
  const init = {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  };
  if (signal === undefined) return await ask<TokenAnswer>(tokenUrl, init);
  const response = await fetch(tokenUrl, { ...init, signal });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as TokenAnswer,
  };
}

async function newToken(): Promise<string> {
  const { status, body } = await askForToken();
  expect(status).toBe(200);
  return body.access_token;
}

function availabilityUrl(sku = 'OKRA-1'): string {
  return `${sandbox.partners.inventoryUrl}/products/${encodeURIComponent(sku)}/availability`;
}

async function askForStock(token: string | undefined, sku?: string): Promise<Answer<Availability>> {
  return await ask<Availability>(availabilityUrl(sku), {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    redirect: 'manual',
  });
}

async function statuses(token: string, requests: number): Promise<number[]> {
  const answers: number[] = [];
  for (let nth = 0; nth < requests; nth++) answers.push((await askForStock(token)).status);
  return answers;
}

/** Why a request has come to nothing. */
async function failureOf(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked;
    return undefined;
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    return cause?.code ?? (error as Error).name;
  }
}

async function patch(partner: string, body: string): Promise<Answer<{ error: string }>> {
  return await ask(`${sandbox.partners.controlUrl}/${partner}`, { method: 'PATCH', body });
}

describe('the authorization server', () => {
  it('issues tokens for client credentials, which stay good beside each other', async () => {
    const { status, headers, body } = await askForToken();
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 600,
      scope: sandbox.partners.scope,
    });

    const second = await newToken();
    expect(second).not.toBe(body.access_token);
    expect((await askForStock(body.access_token)).status).toBe(200);
    expect((await askForStock(second)).status).toBe(200);
    expect((await sandbox.state()).oauth.counts).toMatchObject({
      requests: 2,
      succeeded: 2,
      inFlight: 0,
      tokensIssued: 2,
    });
  });

  it('refuses a wrong secret, a wrong client and another grant', async () => {
    const { tokenUrl, clientId, clientSecret } = sandbox.partners;
    const refused = await askForToken('guessed');
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(refused.headers.get('www-authenticate')).toContain('Basic');

    const send = (credentials: string, grant: string) =>
      ask(tokenUrl, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(credentials)}` },
        body: new URLSearchParams({ grant_type: grant }),
      });
    expect(await send(`nobody:${clientSecret}`, 'client_credentials')).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    expect(await send(`${clientId}:${clientSecret}`, 'password')).toMatchObject({
      status: 400,
      body: { error: 'unsupported_grant_type' },
    });
  });

  it('gives tokens the lifetime it is told, no less and no more', async () => {
    await sandbox.switch('oauth', { expiresIn: 2 });
    const asked = performance.now();
    const { body } = await askForToken();
    const answered = performance.now();
    expect(body.expires_in).toBe(2);

    await sleep(asked + 1_700 - performance.now());
    expect((await askForStock(body.access_token)).status).toBe(200);
    await sleep(answered + 2_050 - performance.now());
    expect((await askForStock(body.access_token)).status).toBe(401);
  });

  it.each([0, -1, 1e15, '3600', null])('says expires_in %p where it is told', async (answer) => {
    await sandbox.switch('oauth', { expiresInAnswer: answer });
    const { body } = await askForToken();
    expect(body.expires_in).toBe(answer);
    expect((await askForStock(body.access_token)).status).toBe(200);
  });

  it('leaves expires_in out where it is told', async () => {
    await sandbox.switch('oauth', { expiresInAnswer: 'absent' });
    expect((await askForToken()).body).not.toHaveProperty('expires_in');
    await sandbox.switch('oauth', { expiresInAnswer: 'same' });
    expect((await askForToken()).body.expires_in).toBe(600);
  });

  it.each([
    ['invalid_client', 401],
    ['invalid_scope', 400],
    ['unauthorized_client', 400],
  ])('answers %s with %i where it is told', async (oauthError, status) => {
    await sandbox.switch('oauth', { oauthError });
    expect(await askForToken()).toMatchObject({ status, body: { error: oauthError } });
    expect((await sandbox.state()).oauth.counts).toMatchObject({ requests: 1, tokensIssued: 0 });
  });

  it('has the switches of every partner', async () => {
    await sandbox.switch('oauth', { failNext: 1, errorStatus: 500 });
    expect((await askForToken()).status).toBe(500);
    expect((await askForToken()).status).toBe(200);

    await sandbox.switch('oauth', { hang: true });
    expect(await failureOf(askForToken(undefined, AbortSignal.timeout(200)))).toBe('TimeoutError');
    await sandbox.switch('oauth', { hang: false, down: true });
    expect(await failureOf(askForToken())).toBe('ECONNREFUSED');
    await sandbox.switch('oauth', { down: false });
    expect((await askForToken()).status).toBe(200);
  });
});

describe('API A', () => {
  let token: string;

  beforeEach(async () => {
    token = await newToken();
  });

  it('takes a real token, and no other', async () => {
    for (const wrong of [undefined, 'bogus']) {
      const { status, headers } = await askForStock(wrong);
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
    const { status, body } = await askForStock(token, 'FIG/7 é');
    expect(status).toBe(200);
    expect(body).toEqual({
      sku: 'FIG/7 é',
      quantity: expect.any(Number),
      asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(Math.abs(Date.now() - Date.parse(body.asOf))).toBeLessThan(5_000);
    expect((await askForStock(token, 'FIG/7 é')).body.quantity).toBe(body.quantity);
    expect((await ask(`${sandbox.partners.inventoryUrl}/products`)).status).toBe(404);
  });

  it('has the stock it is given', async () => {
    await sandbox.switch('inventory', { stock: { 'OKRA-1': 12.5, 'FIG-1': null } });
    await sandbox.switch('inventory', { stock: { constructor: 0 } });
    expect((await askForStock(token, 'OKRA-1')).body.quantity).toBe(12.5);
    expect((await askForStock(token, 'constructor')).body.quantity).toBe(0);
    expect((await askForStock(token, 'FIG-1')).status).toBe(404);
  });

  it('refuses the tokens of before a revocation, and takes those of after it', async () => {
    await sandbox.revoke();
    expect((await askForStock(token)).status).toBe(401);
    expect((await askForStock(await newToken())).status).toBe(200);
  });

  it('refuses every token where it is told', async () => {
    await sandbox.switch('inventory', { wrongToken: true });
    expect((await askForStock(token)).status).toBe(401);
  });

  it('answers late', async () => {
    await sandbox.switch('inventory', { latencyMs: 300 });
    const asked = performance.now();
    expect((await askForStock(token)).status).toBe(200);
    expect(performance.now() - asked).toBeGreaterThan(295);
  });

  it('fails an exact and even share of the requests', async () => {
    await sandbox.switch('inventory', { errorRate: 0.5, errorStatus: 502, retryAfter: 7 });
    expect(await statuses(token, 4)).toEqual([200, 502, 200, 502]);
    await sandbox.switch('inventory', { errorRate: 0.1 });
    const failed = (await statuses(token, 100)).flatMap((status, nth) =>
      status === 502 ? [nth + 1] : [],
    );
    expect(failed).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    await sandbox.switch('inventory', { errorRate: 1 });
    const { status, headers } = await askForStock(token);
    expect(status).toBe(502);
    expect(headers.get('retry-after')).toBe('7');
    expect((await sandbox.state()).inventory.counts).toMatchObject({
      requests: 105,
      succeeded: 92,
    });
  });

  it('fails the next requests, and no more', async () => {
    await sandbox.switch('inventory', { failNext: 2 });
    expect(await statuses(token, 3)).toEqual([503, 503, 200]);
    expect((await sandbox.state()).inventory.switches.failNext).toBe(0);
  });

  it('hangs, and counts what hangs until the client goes away', async () => {
    await sandbox.switch('inventory', { hang: true });
    const client = new AbortController();
    const asked = failureOf(fetch(availabilityUrl(), { signal: client.signal }));
    await eventually(async () =>
      (await sandbox.state()).inventory.counts.inFlight === 1 ? true : undefined,
    );
    client.abort();
    expect(await asked).toBe('AbortError');
    await eventually(async () =>
      (await sandbox.state()).inventory.counts.inFlight === 0 ? true : undefined,
    );
    expect((await sandbox.state()).inventory.counts).toMatchObject({ requests: 1, succeeded: 0 });
  });

  it('cuts connections', async () => {
    await sandbox.switch('inventory', { reset: true });
    expect(await failureOf(askForStock(token))).toBe('ECONNRESET');
  });

  it('answers with what is no JSON', async () => {
    await sandbox.switch('inventory', { garbage: true });
    const response = await fetch(availabilityUrl());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    await expect(response.json()).rejects.toThrow('not valid JSON');
  });

  it('is down, cutting what hangs, and up again on the same port', async () => {
    await sandbox.switch('inventory', { hang: true });
    const hung = failureOf(fetch(availabilityUrl()));
    await eventually(async () =>
      (await sandbox.state()).inventory.counts.inFlight === 1 ? true : undefined,
    );
    await sandbox.switch('inventory', { hang: false, down: true });
    expect(await hung).toMatch(/^(UND_ERR_SOCKET|ECONNRESET)$/);
    expect(await failureOf(askForStock(token))).toBe('ECONNREFUSED');
    expect((await sandbox.state()).inventory.counts.inFlight).toBe(0);

    await sandbox.switch('inventory', { down: false });
    expect((await askForStock(token)).status).toBe(200);
    await sandbox.switch('inventory', { down: true });
    await sandbox.reset();
    expect((await askForStock(token)).status).toBe(200);
  });

  it('answers at odds with its contract', async () => {
    await sandbox.switch('inventory', { huge: true });
    expect(JSON.stringify((await askForStock(token)).body).length).toBeGreaterThan(5_000_000);
    await sandbox.switch('inventory', { huge: false, wrongSku: true });
    expect((await askForStock(token, 'OKRA-1')).body.sku).not.toBe('OKRA-1');
    const answer = { sku: 'OKRA-1', quantity: 'many' };
    await sandbox.switch('inventory', { answer });
    expect(await askForStock(token)).toMatchObject({ status: 200, body: answer });
    await sandbox.switch('inventory', { redirect: true });
    const { status, headers } = await askForStock(token);
    expect(status).toBe(302);
    expect(headers.get('location')).toBe('/elsewhere');
  });

  it('keeps connections, and counts them', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const once = async (): Promise<IncomingHttpHeaders> =>
      await new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        request(availabilityUrl(), { agent, headers }, (response) => {
          response.resume().on('end', () => {
            resolve(response.headers);
          });
        })
          .on('error', reject)
          .end();
      });
    await once();
    await once();
    agent.destroy();
    const { counts } = (await sandbox.state()).inventory;
    expect(counts).toMatchObject({ requests: 2, succeeded: 2, connections: 1 });
    expect(Math.abs(Date.now() - Date.parse(counts.lastRequestAt ?? ''))).toBeLessThan(5_000);
  });
});

describe('API B', () => {
  let shared: Sandbox;

  // A sandbox of its own for each test, because a registration stays.
  beforeEach(async () => {
    shared = sandbox;
    sandbox = await startSandbox();
  });

  afterEach(async () => {
    const own = sandbox;
    sandbox = shared;
    await own.stop();
  });

  const subscription = { url: 'http://127.0.0.1:9/callback', events: ['product.upserted'] };

  async function askForSubscription(token?: string, body?: string): Promise<Answer<unknown>> {
    return await ask(`${sandbox.partners.catalogUrl}/subscriptions/farmlokal`, {
      method: body === undefined ? 'GET' : 'PUT',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
    });
  }

  it('takes a registration with a real token, and no other', async () => {
    const token = await newToken();
    for (const wrong of [undefined, 'bogus']) {
      const refused = await askForSubscription(wrong, JSON.stringify(subscription));
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
    expect((await askForSubscription(token)).status).toBe(404);
    expect(await askForSubscription(token, JSON.stringify(subscription))).toMatchObject({
      status: 201,
      body: subscription,
    });
    const other = { ...subscription, events: ['product.upserted', 'product.deleted'] };
    expect((await askForSubscription(token, JSON.stringify(other))).status).toBe(200);
    expect((await askForSubscription(token)).body).toEqual(other);
    expect((await askForSubscription()).status).toBe(401);
    expect((await sandbox.state()).catalog).toMatchObject({
      subscription: other,
      counts: { requests: 7, registrations: 2 },
    });

    await sandbox.switch('catalog', { wrongToken: true });
    expect((await askForSubscription(token)).status).toBe(401);
  });

  it.each([
    '{}',
    '[]',
    '{"url":"ftp://farm","events":["product.upserted"]}',
    '{"url":"http://farm","events":[]}',
    '{"url":"http://farm","events":["product.upserted",1]}',
  ])('refuses to register %s', async (body) => {
    expect((await askForSubscription(await newToken(), body)).status).toBe(400);
  });

  it('has the switches of every partner', async () => {
    await sandbox.switch('catalog', { failNext: 1, errorStatus: 500 });
    const token = await newToken();
    expect((await askForSubscription(token, JSON.stringify(subscription))).status).toBe(500);
    expect((await askForSubscription(token, JSON.stringify(subscription))).status).toBeLessThan(
      300,
    );
  });

  it('sends where the callback is registered', async () => {
    const receiver = await WebhookReceiver.start(sandbox.partners.webhookSecret);
    const body = JSON.stringify({ ...subscription, url: receiver.url });
    await askForSubscription(await newToken(), body);
    expect(await sandbox.emit({ count: 5 })).toMatchObject({ requests: 5, statuses: { 200: 5 } });
    await receiver.stop();
    expect(receiver.messages).toHaveLength(5);
  });
});

describe('a campaign', () => {
  const receivers: WebhookReceiver[] = [];

  async function startReceiver(answer?: Answering): Promise<WebhookReceiver> {
    const receiver = await WebhookReceiver.start(sandbox.partners.webhookSecret, answer);
    receivers.push(receiver);
    return receiver;
  }

  function events(messages: readonly ReceivedMessage[]) {
    return messages.map(({ body }) => JSON.parse(body) as { type: string; data: EventData });
  }

  interface EventData {
    readonly sku: string;
    readonly revision: number;
    readonly name?: string;
    readonly currency?: string;
    readonly latitude?: number | null;
  }

  afterEach(async () => {
    await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
  });

  it('sends signed events with every field of the contract, in the order of their creation', async () => {
    const receiver = await startReceiver();
    const summary = await sandbox.emit({
      urls: [receiver.url],
      count: 200,
      products: 20,
      deletes: 0.1,
      concurrency: 1,
      skuPrefix: 'TEST-',
      seed: 1,
      oracle: true,
    });
    expect(summary).toMatchObject({
      events: 200,
      requests: 200,
      answered: { processed: 200, duplicate: 0, ignored: 0 },
      statuses: { 200: 200, failed: 0 },
      refused: 0,
      badSignatures: { sent: 0, refused: 0 },
      gaveUp: 0,
    });
    expect(receiver.connections).toBe(1);
    expect(receiver.messages.every(({ verified }) => verified)).toBe(true);
    expect(new Set(receiver.messages.map(({ id }) => id)).size).toBe(200);

    const sent = events(receiver.messages);
    const deleted = sent.filter(({ type }) => type === 'product.deleted');
    expect(deleted).toHaveLength(20);
    expect(Object.keys(deleted[0]?.data ?? {})).toEqual(['sku', 'revision']);
    const upserted = sent.filter(({ type }) => type === 'product.upserted');
    expect(upserted).toHaveLength(180);
    for (const event of upserted) {
      expect(event).toEqual({
        type: 'product.upserted',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        data: expect.objectContaining({
          sku: expect.stringMatching(/^TEST-0000[012]\d$/),
          name: expect.stringMatching(/./),
          description: expect.stringContaining(`Lot ${event.data.revision}.`),
          category: expect.stringMatching(/./),
          price: expect.stringMatching(/^\d+\.\d\d$/),
          currency: 'INR',
          unit: expect.stringMatching(/./),
          producer: expect.stringMatching(/./),
        }),
      });
    }
    expect(upserted.some(({ data }) => typeof data.latitude === 'number')).toBe(true);
    expect(upserted.some(({ data }) => data.latitude === null)).toBe(true);
    expect(upserted.some(({ data }) => !('latitude' in data))).toBe(true);
    expect(upserted.some(({ data }) => /[^ -~]/.test(data.name ?? ''))).toBe(true);

    // The last event of a product is its winner, one revision above the one before.
    expect(summary.oracle.products).toHaveLength(20);
    for (const { sku, revision, eventId, product } of summary.oracle.products) {
      const own = sent.flatMap(({ type, data }, nth) =>
        data.sku === sku ? [{ type, data, id: receiver.messages[nth]?.id }] : [],
      );
      const first = own[0]?.data.revision ?? NaN;
      expect(own.map(({ data }) => data.revision)).toEqual(own.map((_, nth) => first + nth));
      const last = own.at(-1);
      expect(last).toMatchObject({
        id: eventId,
        type: product === null ? 'product.deleted' : 'product.upserted',
      });
      const noPlace = product === null ? {} : { latitude: null, longitude: null };
      expect({ ...noPlace, ...last?.data }).toEqual({ sku, revision, ...product });
    }
    expect(summary.oracle.events.map(({ id, taken }) => ({ id, taken }))).toEqual(
      receiver.messages.map(({ id }) => ({ id, taken: 1 })),
    );
  });

  it('sends some events twice, some with a wrong signature, and all in any order', async () => {
    const receiver = await startReceiver(({ verified }, before) =>
      verified
        ? { status: 200, body: { status: before === 0 ? 'processed' : 'duplicate' } }
        : { status: 401 },
    );
    const summary = await sandbox.emit({
      urls: [receiver.url],
      count: 500,
      duplicates: 0.3,
      badSignatures: 0.1,
      shuffle: true,
      oracle: true,
    });
    expect(summary).toMatchObject({
      requests: 650,
      statuses: { 200: 650 },
      refused: 0,
      badSignatures: { sent: 50, refused: 50 },
    });
    const good = receiver.messages.filter(({ verified }) => verified);
    expect(good).toHaveLength(650);
    expect(receiver.messages).toHaveLength(700);

    const bodies = new Map<string, string[]>();
    for (const { id, body } of good) bodies.set(id, [...(bodies.get(id) ?? []), body]);
    expect(bodies.size).toBe(500);
    const twice = [...bodies.values()].filter(({ length }) => length === 2);
    expect(twice).toHaveLength(150);
    expect(twice.every(([one, other]) => one === other)).toBe(true);
    expect(new Map(summary.oracle.events.map(({ id, taken }) => [id, taken]))).toEqual(
      new Map([...bodies].map(([id, { length }]) => [id, length])),
    );

    // Half of the neighbours are the wrong way round, and as many twins far from each other.
    const created = new Map(summary.oracle.events.map(({ id }, nth) => [id, nth]));
    const order = good.map(({ id }) => created.get(id) ?? NaN);
    const falls = order.filter((nth, place) => nth < (order[place - 1] ?? -1)).length;
    expect(falls).toBeGreaterThan(250);
    expect(falls).toBeLessThan(400);

    const wrong = receiver.messages.filter(({ verified }) => !verified);
    expect(wrong.every(({ id }) => bodies.has(id))).toBe(true);
    expect(wrong.filter(({ id, body }) => body === `${bodies.get(id)?.[0] ?? ''} `)).toHaveLength(
      25,
    );
  });

  it('prices products in CURRENCY', async () => {
    process.env.CURRENCY = 'EUR';
    const european = await startSandbox();
    delete process.env.CURRENCY;
    const receiver = await startReceiver(() => ({ status: 204 }));
    await european.emit({ urls: [receiver.url], count: 5, deletes: 0 });
    await european.stop();
    const currencies = events(receiver.messages).map(({ data }) => data.currency);
    expect(currencies).toEqual(['EUR', 'EUR', 'EUR', 'EUR', 'EUR']);
  });

  it('sends an event again until it is taken: the same id and body, signed anew', async () => {
    const answers = [{ status: 503 }, { status: 0 }, { status: 500 }, { status: 302 }];
    const receiver = await startReceiver((_, before) => answers[before] ?? { status: 204 });
    const summary = await sandbox.emit({ urls: [receiver.url], count: 4, concurrency: 4 });
    expect(summary).toMatchObject({
      requests: 20,
      answered: { processed: 0, duplicate: 0, ignored: 0 },
      statuses: { 204: 4, 302: 4, 500: 4, 503: 4, failed: 4 },
      gaveUp: 0,
    });
    expect(receiver.messages.every(({ verified }) => verified)).toBe(true);
    const [first] = receiver.messages;
    const tries = receiver.messages.filter(({ id }) => id === first?.id);
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
    const pauses = tries.slice(1).map(({ at }, nth) => at - (tries[nth]?.at ?? NaN));
    for (const [nth, least] of [25, 50, 100, 200].entries()) {
      expect(pauses[nth]).toBeGreaterThan(least - 2);
    }
  });

  it('waits as long as Retry-After has it, and gives every try the time of its own', async () => {
    const retry = { status: 409, headers: { 'retry-after': '1' } };
    const receiver = await startReceiver((_, before) => (before < 2 ? retry : { status: 200 }));
    await sandbox.emit({ urls: [receiver.url], count: 1 });
    expect(new Set(receiver.messages.map(({ timestamp }) => timestamp)).size).toBe(3);
    expect(receiver.messages.map(({ verified }) => verified)).toEqual([true, true, true]);
    const [one, two] = receiver.messages;
    expect((two?.at ?? 0) - (one?.at ?? 0)).toBeGreaterThan(995);
  });

  it.each([400, 413, 415, 422])('does not repeat what is refused with %i', async (status) => {
    const receiver = await startReceiver(() => ({ status }));
    const summary = await sandbox.emit({ urls: [receiver.url], count: 3, oracle: true });
    expect(summary).toMatchObject({
      requests: 3,
      statuses: { [status]: 3 },
      refused: 3,
      gaveUp: 0,
    });
    expect(summary.oracle.events.map(({ taken }) => taken)).toEqual([0, 0, 0]);
  });

  it('tells when a wrong signature is taken', async () => {
    const receiver = await startReceiver(() => ({ status: 200 }));
    const summary = await sandbox.emit({ urls: [receiver.url], count: 4, badSignatures: 1 });
    expect(summary.badSignatures).toEqual({ sent: 4, refused: 0 });
  });

  it('gives up when its time is over', async () => {
    const receiver = await startReceiver(() => ({ status: 503 }));
    const summary = await sandbox.emit({
      urls: [receiver.url],
      count: 20,
      duplicates: 0.5,
      timeoutMs: 300,
    });
    expect(summary).toMatchObject({ refused: 0, gaveUp: 30 });
    expect(summary.seconds).toBeLessThan(2);
  });

  it('takes replicas in turns, and goes to the next when one fails', async () => {
    const [one, other] = [await startReceiver(), await startReceiver()];
    const urls = [one.url, other.url];
    await sandbox.emit({ urls, count: 100, concurrency: 4 });
    expect([one.messages.length, other.messages.length]).toEqual([50, 50]);

    await one.stop();
    receivers.splice(receivers.indexOf(one), 1);
    const summary = await sandbox.emit({ urls, count: 40, concurrency: 4 });
    expect(summary).toMatchObject({ statuses: { 200: 40, failed: 20 }, gaveUp: 0 });
    expect(other.messages).toHaveLength(90);
  });

  it('repeats itself exactly with the same seed', async () => {
    const run = async (seed: number | null) => {
      const receiver = await startReceiver();
      const options = { count: 100, duplicates: 0.2, badSignatures: 0.1, shuffle: true };
      await sandbox.emit({ ...options, urls: [receiver.url], concurrency: 1, seed });
      return receiver.messages.map(({ id, body, verified }) => ({ id, body, verified }));
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    const others = await run(8);
    const ids = new Set(first.map(({ id }) => id));
    expect(others.some(({ id }) => ids.has(id))).toBe(false);
    expect((await run(null)).some(({ id }) => ids.has(id))).toBe(false);
  });

  it('makes products newer than an earlier campaign has made them, or as new as it is told', async () => {
    const receiver = await startReceiver();
    const revisions = async (options: { seed?: number; firstRevision?: number }) => {
      receiver.messages.length = 0;
      await sandbox.emit({ ...options, urls: [receiver.url], count: 10, products: 1 });
      return events(receiver.messages).map(({ data }) => data.revision);
    };
    const [early, late] = [await revisions({}), await revisions({})];
    expect(Math.min(...late)).toBeGreaterThan(Math.max(...early));
    expect(Math.min(...(await revisions({ seed: 1 })))).toBe(1);
    expect(Math.min(...(await revisions({ seed: 1, firstRevision: 11 })))).toBe(11);
  });

  it('keeps to a rate, and sends in bursts', async () => {
    const receiver = await startReceiver();
    const { seconds } = await sandbox.emit({ urls: [receiver.url], count: 51, rate: 100 });
    expect(seconds).toBeGreaterThan(0.49);
    expect(seconds).toBeLessThan(1.5);

    receiver.messages.length = 0;
    await sandbox.emit({ urls: [receiver.url], count: 30, bursts: 10, concurrency: 2 });
    const pauses = receiver.messages.flatMap(({ at }, nth) =>
      at - (receiver.messages[nth - 1]?.at ?? at) > 200 ? [nth] : [],
    );
    expect(pauses).toEqual([10, 20]);
  });

  it('is one at a time, shows how far it is, and ends when nobody waits for it', async () => {
    const receiver = await startReceiver();
    const { controlUrl } = sandbox.partners;
    const client = new AbortController();
    stopAfterTest(async () => {
      client.abort();
      await running;
    });
    const running = failureOf(
      fetch(`${controlUrl}/catalog/emit`, {
        method: 'POST',
        body: JSON.stringify({ urls: [receiver.url], count: 1_000, rate: 100 }),
        signal: client.signal,
      }),
    );
    const progress = await eventually(async () => {
      const { body } = await ask<{ campaign: { done: number } | null }>(
        `${controlUrl}/catalog/emit`,
      );
      return (body.campaign?.done ?? 0) > 0 ? body.campaign : undefined;
    });
    expect(progress).toEqual({
      deliveries: 1_000,
      done: expect.any(Number),
      requests: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect((await sandbox.state()).catalog.campaign).toMatchObject({ deliveries: 1_000 });
    await expect(sandbox.emit({ urls: [receiver.url] })).rejects.toMatchObject({ status: 409 });

    client.abort();
    expect(await running).toBe('AbortError');
    await eventually(async () =>
      (await sandbox.state()).catalog.campaign === null ? true : undefined,
    );
    expect(receiver.messages.length).toBeLessThan(1_000);
  });

  it.each([
    [{ count: 0 }, 'count: takes an integer from 1 to 100000'],
    [{ count: 5, products: 6 }, 'products: takes'],
    [{ skuPrefix: '' }, 'skuPrefix: takes'],
    [{ duplicates: 1.1 }, 'duplicates: takes a number from 0 to 1'],
    [{ shuffle: 'yes' }, 'shuffle: takes true or false'],
    [{ deletes: -1 }, 'deletes: takes'],
    [{ concurrency: 65 }, 'concurrency: takes an integer from 1 to 64'],
    [{ rate: 0 }, 'rate: takes'],
    [{ bursts: '9' }, 'bursts: takes'],
    [{ badSignatures: null }, 'badSignatures: takes'],
    [{ urls: [] }, 'urls: takes'],
    [{ urls: ['nowhere'] }, 'urls: takes'],
    [{ seed: 0.5 }, 'seed: takes'],
    [{ firstRevision: -1 }, 'firstRevision: takes'],
    [{ timeoutMs: 0 }, 'timeoutMs: takes'],
    [{ oracle: 1 }, 'oracle: takes'],
    [{ sped: 1 }, 'sped: no such option; there are count'],
  ])('is refused with %j', async (options, error) => {
    const refused = ask(`${sandbox.partners.controlUrl}/catalog/emit`, {
      method: 'POST',
      body: JSON.stringify({ urls: ['http://127.0.0.1:9/'], ...options }),
    });
    expect(await refused).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(error) },
    });
  });
});

describe('the switchboard', () => {
  it('shows the partners, their switches and their counts, but no secret', async () => {
    const { status, body } = await ask(sandbox.partners.controlUrl);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      oauth: { switches: { expiresIn: 600, down: false }, counts: { tokensIssued: 0 } },
      inventory: {
        url: sandbox.partners.inventoryUrl,
        switches: { stock: {}, errorStatus: 503 },
        counts: { requests: 0, succeeded: 0, inFlight: 0, connections: 0, lastRequestAt: null },
      },
      catalog: {
        url: sandbox.partners.catalogUrl,
        switches: { wrongToken: false },
        counts: { requests: 0, registrations: 0 },
        campaign: null,
      },
    });
    expect(JSON.stringify(body)).not.toContain(sandbox.partners.clientSecret);
    expect(JSON.stringify(body)).not.toContain(sandbox.partners.webhookSecret);
  });

  it.each([
    ['inventory', '{"hang":true,"speed":1}', 'speed: no such switch'],
    ['inventory', '{"hang":true,"__proto__":1}', '__proto__: no such switch'],
    ['inventory', '{"hang":true,"latencyMs":60001}', 'latencyMs: takes an integer from 0 to 60000'],
    ['inventory', '{"hang":true,"errorRate":"half"}', 'errorRate: takes a number from 0 to 1'],
    ['inventory', '{"hang":true,"errorStatus":200}', 'errorStatus: takes'],
    ['inventory', '{"hang":true,"retryAfter":-1}', 'retryAfter: takes'],
    ['inventory', '{"hang":true,"down":"no"}', 'down: takes true or false'],
    ['inventory', '{"hang":true,"stock":{"OKRA-1":"many"}}', 'stock: takes'],
    ['inventory', '{"hang":true,"expiresIn":5}', 'expiresIn: no such switch'],
    ['oauth', '{"hang":true,"expiresIn":0}', 'expiresIn: takes an integer from 1 to 86400'],
    ['oauth', '{"hang":true,"expiresInAnswer":[]}', 'expiresInAnswer: takes'],
    ['oauth', '{"hang":true,"oauthError":"No!"}', 'oauthError: takes'],
    ['oauth', '{"hang":true', 'JSON object'],
    ['oauth', '[]', 'JSON object'],
  ])('refuses to set %s to %s, and sets nothing', async (partner, body, error) => {
    const before = await sandbox.state();
    expect(await patch(partner, body)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(error) },
    });
    expect(await sandbox.state()).toEqual(before);
  });

  it('takes no more than 1,000 entries of stock', async () => {
    const stock = (prefix: string, entries: number) =>
      Object.fromEntries(Array.from({ length: entries }, (_, nth) => [`${prefix}${nth}`, nth]));
    await sandbox.switch('inventory', { stock: stock('a', 1_000) });
    const refused = await patch('inventory', JSON.stringify({ stock: stock('b', 1) }));
    expect(refused).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('stock') },
    });
  });

  it('refuses bodies of over 64 KiB, and calls there are not', async () => {
    const { controlUrl } = sandbox.partners;
    expect((await patch('inventory', JSON.stringify({ answer: 'x'.repeat(65_536) }))).status).toBe(
      413,
    );
    expect((await patch('somebody', '{}')).status).toBe(404);
    expect((await ask(`${controlUrl}/inventory/explode`, { method: 'POST' })).status).toBe(404);
    expect((await ask(`${controlUrl}/nowhere`)).status).toBe(404);
  });

  it('sets all back', async () => {
    const before = await sandbox.reset();
    await sandbox.switch('oauth', { expiresIn: 5, oauthError: 'invalid_scope' });
    await sandbox.switch('inventory', { errorRate: 1, stock: { 'OKRA-1': 1 }, down: true });
    await askForToken();
    expect(await sandbox.reset()).toEqual(before);
    expect(before.inventory.switches.stock).toEqual({});
  });
});
