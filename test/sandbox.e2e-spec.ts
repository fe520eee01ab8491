import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Answer, ask } from './support/answer.js';
import { eventually } from './support/eventually.js';
import { type Sandbox, startSandbox } from './support/sandbox.js';

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
    });
    expect(JSON.stringify(body)).not.toContain(sandbox.partners.clientSecret);
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
