import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Configuration, Provider as OidcProvider } from 'oidc-provider';

import { isJsonObject, sendJson } from './json.js';
import {
  COMMON_SWITCHES,
  type CommonSwitches,
  type Handler,
  SwitchableServer,
} from './switchable-server.js';
import { integer, type Switch, type SwitchTable } from './switches.js';
import { TokenStore } from './token-store.js';

const TOKEN_PATH = '/token';

const Provider = await importProvider();

/** The switches of the authorization server. */
export interface AuthorizationSwitches extends CommonSwitches {
  /** Lifetime in seconds of the tokens issued from now on. */
  expiresIn: number;
  /** The `expires_in` of the response: the lifetime ("same"), no field ("absent"), or this value. */
  expiresInAnswer: string | number | null;
  /** The OAuth error code that every token request gets; null for none. */
  oauthError: string | null;
}

const EXPIRES_IN_ANSWER: Switch<string | number | null> = {
  initial: 'same',
  accepts: '"same", "absent", a number, a string or null',
  read: (value) =>
    typeof value === 'string' || typeof value === 'number' || value === null ? value : undefined,
};

const OAUTH_ERROR: Switch<string | null> = {
  initial: null,
  accepts: 'an OAuth error code like "invalid_client", or null',
  read: (value) =>
    value === null || (typeof value === 'string' && /^[a-z_]{1,64}$/.test(value))
      ? value
      : undefined,
};

const SWITCHES: SwitchTable<AuthorizationSwitches> = {
  ...COMMON_SWITCHES,
  expiresIn: integer(600, 1, 86_400),
  expiresInAnswer: EXPIRES_IN_ANSWER,
  oauthError: OAUTH_ERROR,
};

/** The one registered client. */
export interface ClientCredentials {
  id: string;
  secret: string;
  /** The allowed scopes, separated by spaces. */
  scope: string;
}

/** The HTTP server of the token endpoint. */
export type AuthorizationHttpServer = SwitchableServer<AuthorizationSwitches, 'tokensIssued'>;

/** An OAuth 2.0 server with one client, the client credentials grant and opaque tokens. */
export class AuthorizationServer {
  private constructor(
    readonly server: AuthorizationHttpServer,
    private readonly provider: OidcProvider,
    private readonly tokens: TokenStore,
  ) {}

  static async start(client: ClientCredentials): Promise<AuthorizationServer> {
    const tokens = new TokenStore();
    const server: AuthorizationHttpServer = await SwitchableServer.start({
      switches: SWITCHES,
      counters: ['tokensIssued'],
    });
    const provider = makeProvider(server, client, tokens);
    server.setHandler(makeHandler(server, provider));
    return new AuthorizationServer(server, provider, tokens);
  }

  get tokenUrl(): string {
    return this.server.url + TOKEN_PATH;
  }

  /** Whether this server issued the token, and it is neither expired nor revoked. */
  async accepts(token: string): Promise<boolean> {
    return (await this.provider.ClientCredentials.find(token)) !== undefined;
  }

  /** Revokes every token. */
  revokeTokens(): void {
    this.tokens.clear();
  }
}

function makeHandler(server: AuthorizationHttpServer, provider: OidcProvider): Handler {
  const handler = provider.callback();
  return (request, response) => {
    const { oauthError } = server.values;
    if (oauthError !== null && request.url === TOKEN_PATH) sendOAuthError(response, oauthError);
    else return handler(request, response);
  };
}

function sendOAuthError(response: ServerResponse, error: string): void {
  const body = { error, error_description: 'The switch oauthError is set' };
  if (error === 'invalid_client') {
    sendJson(response, 401, body, {
      'www-authenticate': `Basic realm="sandbox", error="${error}"`,
    });
  } else sendJson(response, 400, body);
}

function makeProvider(
  server: AuthorizationHttpServer,
  client: ClientCredentials,
  tokens: TokenStore,
): OidcProvider {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const configuration: Configuration = {
    adapter: (model) => (model === 'ClientCredentials' ? tokens : new TokenStore()),
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: client.scope,
        id_token_signed_response_alg: 'ES256',
      },
    ],
    scopes: client.scope.split(' '),
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    routes: { token: TOKEN_PATH },
    ttl: { ClientCredentials: () => server.values.expiresIn },
    // No token is signed, but the provider warns when it has no key.
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
  };
  const provider = new Provider(server.url, configuration);
  provider.on('client_credentials.saved', () => {
    server.count('tokensIssued');
  });
  provider.on('server_error', (_, error) => {
    console.error(error);
  });
  provider.use(async (context, next) => {
    await next();
    const { expiresInAnswer } = server.values;
    const body: unknown = context.body;
    if (expiresInAnswer === 'same' || !isJsonObject(body) || !('expires_in' in body)) return;
    const { expires_in, ...rest } = body;
    context.body = expiresInAnswer === 'absent' ? rest : { ...rest, expires_in: expiresInAnswer };
  });
  return provider;
}

async function importProvider(): Promise<typeof OidcProvider> {
  const { warn } = console;
  // It warns that it does not support Node.js 20; the client credentials grant works there.
  console.warn = () => undefined;
  try {
    return (await import('oidc-provider')).Provider;
  } finally {
    console.warn = warn;
  }
}
