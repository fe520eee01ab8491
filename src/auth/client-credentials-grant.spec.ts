import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createRawServer } from 'node:net';
import { text } from 'node:stream/consumers';

import { type Grant, GrantError, requestGrant } from './client-credentials-grant.js';
import type { OAuthClient } from './oauth-client.js';

interface TokenResponse {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
}

/** The token request as the provider receives it. */
interface Received {
  readonly authorization: string | undefined;
  readonly body: string;
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const TOKEN = { access_token: 'abc.def-123', token_type: 'Bearer', expires_in: 3600 };
const GRANT: Grant = { token: 'abc.def-123', lifetimeMs: 3_600_000 };
const CLIENT: Omit<OAuthClient, 'tokenUrl'> = {
  clientId: 'farmlokal',
  clientSecret: 'hunter2-secret',
  clientAuth: 'basic',
  scope: undefined,
  tokenParameters: undefined,
};

let server: Server | undefined;
let received: Received | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Requests a token from a provider with this response. A text is sent unchanged. */
async function grantOf(
  { status = 200, headers = JSON_HEADERS, body }: TokenResponse,
  client: Partial<OAuthClient> = {},
): Promise<Grant> {
  server = createServer((request, response) => {
    void text(request).then((sent) => {
      received = { authorization: request.headers.authorization, body: sent };
      response.writeHead(status, headers);
      const raw = typeof body === 'string' || Buffer.isBuffer(body);
      response.end(body === undefined || raw ? body : JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return await requestGrant({ ...CLIENT, tokenUrl, ...client });
}

/** Requests a token from a server that sends `bytes` and closes the connection. */
async function rawErrorOf(bytes: string): Promise<string> {
  const raw = createRawServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(bytes));
  }).listen(0, '127.0.0.1');
  await once(raw, 'listening');
  const tokenUrl = `http://127.0.0.1:${(raw.address() as AddressInfo).port}/token`;
  const error: unknown = await requestGrant({ ...CLIENT, tokenUrl }).catch(
    (thrown: unknown) => thrown,
  );
  raw.close();
  return error instanceof GrantError ? error.message : `Not a GrantError: ${String(error)}`;
}

async function errorOf(
  response: TokenResponse,
  client?: Partial<OAuthClient>,
): Promise<GrantError> {
  const error: unknown = await grantOf(response, client).catch((thrown: unknown) => thrown);
  if (error instanceof GrantError) return error;
  throw new Error(`Not a GrantError: ${JSON.stringify(error)}`);
}

async function request(client: Partial<OAuthClient>): Promise<Received> {
  await grantOf({ body: TOKEN }, client);
  if (received === undefined) throw new Error('The provider received no request');
  return received;
}

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

describe('The token request', () => {
  it.each([
    ['farm-lokal_01.prod', 'p-a_s.s*w~!', 'farm-lokal_01.prod:p-a_s.s*w~!'],
    ["it's(us)", 'AbC09', "it's(us):AbC09"],
    ['a:b', 'c:d', 'a%3Ab:c%3Ad'],
    ['a b', 'c d', 'a+b:c+d'],
    ['a+b', 'c+d', 'a%2Bb:c%2Bd'],
    ['a%41', '100%', 'a%2541:100%25'],
    ['a/b', 'c3Vw/ZXI+==', 'a%2Fb:c3Vw%2FZXI%2B%3D%3D'],
    ['Händler', '5€🌾', 'H%C3%A4ndler:5%E2%82%AC%F0%9F%8C%BE'],
  ])(
    'form-encodes only the necessary characters of id %j and secret %j',
    async (id, secret, expected) => {
      const { authorization, body } = await request({ clientId: id, clientSecret: secret });
      expect(authorization).toBe(basic(expected));
      expect(body).toBe('grant_type=client_credentials');
      const decoded = expected
        .split(':')
        .map((part) => new URLSearchParams(`part=${part}`).get('part'));
      expect(decoded).toEqual([id, secret]);
    },
  );

  it.each([
    ['farm-lokal_01.prod', 'p-a_s.s*w~!'],
    ['a b', 'c:d'],
    ['a+b%41', '100%+/=='],
    ['Händler', '5€🌾'],
  ])('sends id %j and secret %j unencoded with basic-raw', async (clientId, clientSecret) => {
    const { authorization, body } = await request({
      clientId,
      clientSecret,
      clientAuth: 'basic-raw',
    });
    expect(authorization).toBe(basic(`${clientId}:${clientSecret}`));
    expect(body).toBe('grant_type=client_credentials');
  });

  it.each([
    ['farm-lokal_01.prod', 'p-a_s.s*w~!'],
    ['a:b c', 'd+e%f&g=h'],
    ['Händler', '5€🌾'],
  ])('sends id %j and secret %j in the body with post', async (clientId, clientSecret) => {
    const { authorization, body } = await request({ clientId, clientSecret, clientAuth: 'post' });
    expect(authorization).toBeUndefined();
    expect([...new URLSearchParams(body)].sort()).toEqual([
      ['client_id', clientId],
      ['client_secret', clientSecret],
      ['grant_type', 'client_credentials'],
    ]);
  });

  it.each(['basic', 'basic-raw', 'post'] as const)(
    'has the scope and all additional parameters, also repeated ones, with %s',
    async (clientAuth) => {
      const { body } = await request({
        clientAuth,
        scope: 'inventory:read catalog:subscribe',
        tokenParameters: 'audience=https://api.example/&resource=urn:a&resource=M%C3%BCnchen+Ost',
      });
      const sent = new URLSearchParams(body);
      expect(sent.getAll('audience')).toEqual(['https://api.example/']);
      expect(sent.getAll('resource')).toEqual(['urn:a', 'München Ost']);
      expect(sent.getAll('scope')).toEqual(['inventory:read catalog:subscribe']);
      expect(sent.getAll('grant_type')).toEqual(['client_credentials']);
    },
  );
});

describe('A usable response', () => {
  it.each([200, 201, 202, 203, 206, 299])('is used with status %d', async (status) => {
    expect(await grantOf({ status, body: TOKEN })).toEqual(GRANT);
  });

  it.each([
    undefined,
    null,
    '',
    'Bearer',
    'bearer',
    'BEARER',
    'bEaReR',
    ' bearer ',
    'BearerToken',
    'Bearer Token',
    'access_token',
    'JWT',
    'urn:ietf:params:oauth:token-type:access_token',
    'machine',
    'popular',
    7,
    ['Bearer'],
    {},
  ])('is used with the token_type %j', async (token_type) => {
    expect(await grantOf({ body: { ...TOKEN, token_type } })).toEqual(GRANT);
  });

  it.each([
    { scope: ['a', 'b'] },
    { scope: null },
    { scope: '' },
    { scope: {} },
    { refresh_token: null },
    { refresh_token: '' },
    { refresh_token: 7 },
    { id_token: null },
    { id_token: '' },
    { id_token: 'no.jwt' },
    { id_token: {} },
    { id_token: 'eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.c2ln' },
    { id_token: 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.' },
    { error: null, error_description: null },
    { error: '' },
    { error: 'none' },
    { issued_token_type: 7, authorization_details: 'none', ['__proto__']: null },
  ])('is used with %j', async (fields) => {
    expect(await grantOf({ body: { ...TOKEN, ...fields } })).toEqual(GRANT);
  });

  it.each([
    ['3600', 3600],
    ['3600.0', 3600],
    [' 60 ', 60],
    [59.5, 59.5],
    [1, 1],
    [0.2, 1],
    [1e15, 86_400],
    ['99999999999999999999', 86_400],
    [undefined, 300],
    [null, 300],
    [0, 300],
    ['0', 300],
    [-1, 300],
    ['-1', 300],
    ['', 300],
    ['soon', 300],
    ['3600s', 300],
    [true, 300],
    [[60], 300],
    [{ seconds: 60 }, 300],
  ])('with expires_in %j is used for %d seconds', async (expires_in, seconds) => {
    const { lifetimeMs } = await grantOf({ body: { ...TOKEN, expires_in } });
    expect(lifetimeMs).toBe(seconds * 1000);
  });

  it('has a limited lifetime when expires_in exceeds the largest number of JavaScript', async () => {
    const body = '{"access_token":"abc.def-123","expires_in":1e999}';
    expect(await grantOf({ body })).toEqual({ ...GRANT, lifetimeMs: 86_400_000 });
  });

  it.each([
    {},
    { 'content-type': 'application/json; charset=utf-8' },
    { 'content-type': 'application/json;charset=ISO-8859-1' },
    { 'content-type': 'text/json' },
    { 'content-type': 'text/html' },
    { 'content-type': 'application/jwt' },
    { 'content-type': 'application/vnd.example+json' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'nonsense' },
  ])('is parsed as JSON with the headers %j', async (headers) => {
    expect(await grantOf({ headers, body: TOKEN })).toEqual(GRANT);
  });

  it('may begin with a byte order mark', async () => {
    const body = Buffer.from(`\ufeff${JSON.stringify(TOKEN)}`);
    expect(await grantOf({ body })).toEqual(GRANT);
  });

  it.each([8_193, 32_768])('is used with a token of %d characters', async (length) => {
    const access_token = 'x'.repeat(length);
    expect((await grantOf({ body: { ...TOKEN, access_token } })).token).toBe(access_token);
  });

  it.each(['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded;charset=utf-8'])(
    'is parsed as a form with the media type %s',
    async (type) => {
      const headers = { 'content-type': type };
      const body = 'access_token=abc.def-123&scope=&token_type=bearer&expires_in=3600';
      expect(await grantOf({ headers, body })).toEqual(GRANT);
    },
  );
});

describe('An unusable response', () => {
  const UNSENDABLE = 'access_token contains characters that a header cannot carry';

  it.each([
    [{}, 'access_token is missing'],
    [{ access_token: null }, 'access_token is missing'],
    [{ access_token: '' }, 'access_token is empty'],
    [{ access_token: 42 }, 'access_token is not a string'],
    [{ access_token: ['hush'] }, 'access_token is not a string'],
    [{ access_token: 'hush hush' }, UNSENDABLE],
    [{ access_token: 'hush\r\nX-Evil: 1' }, UNSENDABLE],
    [{ access_token: 'hüsh' }, UNSENDABLE],
    [{ access_token: 'x'.repeat(32_769) }, 'access_token is longer than 32768 characters'],
    ...['DPoP', 'dpop', 'mac', 'MAC', 'hmac-sha-256', 'PoP', 'Basic', ' hawk '].map(
      (token_type): [object, string] => [
        { access_token: 'hush', token_type },
        'token_type is not Bearer',
      ],
    ),
  ])('is reported with the name of the field and without its value: %j', async (body, field) => {
    const { message, refused, description } = await errorOf({ body });
    expect({ message, refused, description }).toEqual({
      message: `the response is not usable: ${field}`,
      refused: false,
      description: undefined,
    });
  });

  it.each([
    [JSON_HEADERS, ''],
    [JSON_HEADERS, '<!doctype html><p>access_token=hush&access_token=hush'],
    [JSON_HEADERS, '"hush"'],
    [JSON_HEADERS, '["hush"]'],
    [JSON_HEADERS, 'null'],
    [JSON_HEADERS, 'access_token=hush'],
    [{ 'content-type': 'text/html' }, '<a href="?a&access_token=hush">'],
    [{ 'content-type': 'application/jwt' }, 'eyJhbGciOiJub25lIn0.e30.'],
  ])('with the headers %j is not a JSON object: %j', async (headers, body) => {
    const { message } = await errorOf({ headers, body });
    expect(message).toBe('the response is not usable: it is not a JSON object');
  });

  it.each([204, 205])('can be one without a body, as with status %d', async (status) => {
    const { message } = await errorOf({ status });
    expect(message).toBe('the response is not usable: it is not a JSON object');
  });

  it('can be one that is too large', async () => {
    const { message } = await errorOf({ body: { ...TOKEN, id_token: 'x'.repeat(70_000) } });
    expect(message).toBe('the response is larger than 65536 bytes');
  });
});

describe('A failed token request', () => {
  it.each([
    ['HTTP/9.9 200 OK\r\n\r\n', 'the response is not valid HTTP (Invalid HTTP version)'],
    ['HTTP/1.1 abc OK\r\n\r\n', 'the response is not valid HTTP (Invalid status code)'],
    [
      '220 mail.example ready\r\n',
      'the response is not valid HTTP (Expected HTTP/, RTSP/ or ICE/)',
    ],
    ['', 'the connection was closed (UND_ERR_SOCKET)'],
  ])('is reported with its cause when the server sends %j', async (bytes, message) => {
    expect(await rawErrorOf(bytes)).toBe(message);
  });
});

describe('An error response', () => {
  const CHECK_CLIENT = 'check OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_CLIENT_AUTH';

  it.each([
    [401, 'invalid_client', CHECK_CLIENT],
    [400, 'invalid_client', CHECK_CLIENT],
    [200, 'invalid_client', CHECK_CLIENT],
    [500, 'invalid_client', CHECK_CLIENT],
    [400, 'invalid_grant', CHECK_CLIENT],
    [400, 'invalid_scope', 'check OAUTH_SCOPE'],
    [400, 'invalid_request', 'check OAUTH_TOKEN_URL and OAUTH_TOKEN_PARAMETERS'],
    [400, 'invalid_target', 'check audience and resource in OAUTH_TOKEN_PARAMETERS'],
    [401, 'wrong_password', CHECK_CLIENT],
  ])('with status %d and %s is reported with what to check', async (status, error, check) => {
    const { message, refused, description } = await errorOf({
      status,
      body: { error, error_description: 'Computer says no.' },
    });
    expect({ message, refused, description }).toEqual({
      message: `the OAuth provider rejects this client with the error ${error} and status ${status}: ${check}`,
      refused: true,
      description: 'Computer says no.',
    });
  });

  it.each([
    [400, 'access_denied', true],
    [403, 'consent_required', true],
    [200, 'bad_verification_code', true],
    [400, 'constructor', true],
    [200, 'temporarily_unavailable', false],
    [400, 'temporarily_unavailable', false],
    [400, 'slow_down', false],
    [400, 'server_error', false],
    [503, 'temporarily_unavailable', false],
    [500, 'unknown', false],
    [429, 'rate_limited', false],
  ])('with status %d and %s is a refusal: %j', async (status, error, refused) => {
    const fault = await errorOf({ status, body: { error } });
    expect([fault.message, fault.refused, fault.description]).toEqual([
      `the OAuth provider responds with the error ${error} and status ${status}`,
      refused,
      undefined,
    ]);
  });

  it.each([
    [302, undefined, 'the OAuth provider responds with status 302', false],
    [400, '<p>Bad Request</p>', 'the OAuth provider responds with status 400', true],
    [
      401,
      undefined,
      `the OAuth provider rejects this client with status 401: ${CHECK_CLIENT}`,
      true,
    ],
    [
      404,
      { message: 'Not found' },
      'the OAuth provider responds with status 404: check OAUTH_TOKEN_URL',
      true,
    ],
    [408, undefined, 'the OAuth provider responds with status 408', false],
    [500, { error: { code: 7 } }, 'the OAuth provider responds with status 500', false],
    [502, '<p>Bad Gateway</p>', 'the OAuth provider responds with status 502', false],
  ])('with status %d can have no error code: %j', async (status, body, message, refused) => {
    const fault = await errorOf({ status, body });
    expect([fault.message, fault.refused]).toEqual([message, refused]);
  });

  it('can have status 200 and be form-encoded', async () => {
    const fault = await errorOf({
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'error=incorrect_client_credentials&error_description=Wrong+id+or+secret.',
    });
    expect([fault.message, fault.description]).toEqual([
      'the OAuth provider responds with the error incorrect_client_credentials and status 200',
      'Wrong id or secret.',
    ]);
  });

  it.each([
    [400, 'invalid_client'],
    [503, 'temporarily_unavailable'],
    [200, 'temporarily_unavailable'],
  ])('with status %d and %s can have a Retry-After header', async (status, error) => {
    const { retryAfterMs } = await errorOf({
      status,
      headers: { ...JSON_HEADERS, 'retry-after': '7' },
      body: { error },
    });
    expect(retryAfterMs).toBe(7000);
  });

  it('is logged on one line of limited length', async () => {
    const { message, description } = await errorOf({
      status: 400,
      body: { error: `x\n${'y'.repeat(400)}`, error_description: `a\r\nb\u0000${'c'.repeat(400)}` },
    });
    expect(message).toBe(
      `the OAuth provider responds with the error x ${'y'.repeat(298)}… and status 400`,
    );
    expect(description).toBe(`a b ${'c'.repeat(296)}…`);
  });

  const SECRETIVE_CLIENT: Partial<OAuthClient> = {
    clientId: 'farm:lokal',
    clientSecret: 'open sesame/7~',
    tokenParameters: 'audience=https%3A%2F%2FAPI.example%2F&api_key=k%C3%A4se&resource=urn:x:y',
  };

  it.each([
    'open sesame/7~',
    'open+sesame%2F7~',
    'open+sesame%2f7~',
    'open+sesame%2F7%7E',
    'https://API.example/',
    'https://api.example/',
    'https%3A%2F%2FAPI.example%2F',
    'käse',
    'k%C3%A4se',
    'urn:x:y',
    'urn%3Ax%3Ay',
    Buffer.from('farm:lokal:open sesame/7~').toString('base64'),
    Buffer.from('farm%3Alokal:open+sesame%2F7~').toString('base64'),
    'bad token',
  ])('is logged without the secret %j', async (secret) => {
    const { message, description } = await errorOf(
      {
        status: 400,
        body: {
          error: `refused ${secret}`,
          error_description: `The request has <${secret}>, and ${secret} is wrong.`,
          access_token: 'bad token',
        },
      },
      SECRETIVE_CLIENT,
    );
    expect([message, description]).toEqual([
      'the OAuth provider responds with the error refused [redacted] and status 400',
      'The request has <[redacted]>, and [redacted] is wrong.',
    ]);
  });
});
