import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Configuration, Provider as OidcProvider } from 'oidc-provider';

import { isJsonObject, sendJson } from './json.js';
import {
  type Answer,
  COMMON_SWITCHES,
  type CommonSwitches,
  SwitchableServer,
} from './switchable-server.js';
import { integer, type Switch, type SwitchTable } from './switches.js';
import { TokenStore } from './token-store.js';

const TOKEN_PATH = '/token';

const Provider = await importProvider();

/** What can be set of the authorization server. */
export interface AuthorizationSwitches extends CommonSwitches {
  /** Seconds that a token issued from now on is good for. */
  expiresIn: number;
  /** What the answer has for `expires_in`: the truth ("same"), nothing ("absent"), or this instead. */
  expiresInAnswer: string | number | null;
  /** The OAuth error that every token request is answered with. */
  oauthError: string | null;
}

const EXPIRES_IN_ANSWER: Switch<string | number | null> = {
  initial: 'same',
  takes: '"same", "absent", a number, a string or null',
  read: (value) =>
    typeof value === 'string' || typeof value === 'number' || value === null ? value : undefined,
};

const OAUTH_ERROR: Switch<string | null> = {
  initial: null,
  takes: 'an OAuth error code like "invalid_client", or null',
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

/** Who may ask for tokens. */
export interface ClientCredentials {
  id: string;
  secret: string;
  /** The scopes it may ask for, separated by spaces. */
  scope: string;
}

/** A switchable server that issues tokens. */
export type AuthorizationListener = SwitchableServer<AuthorizationSwitches, 'tokensIssued'>;

/** An OAuth2 server for one client, with the client credentials grant and opaque tokens. */
export class AuthorizationServer {
  private constructor(
    readonly server: AuthorizationListener,
    private readonly provider: OidcProvider,
    private readonly tokens: TokenStore,
  ) {}

  static async start(client: ClientCredentials): Promise<AuthorizationServer> {
    const tokens = new TokenStore();
    const server: AuthorizationListener = await SwitchableServer.start({
      switches: SWITCHES,
      counters: ['tokensIssued'],
    });
    const provider = makeProvider(server, client, tokens);
    server.answerWith(answerOf(server, provider));
    return new AuthorizationServer(server, provider, tokens);
  }

  get tokenUrl(): string {
    return this.server.url + TOKEN_PATH;
  }

  /** Whether a token has been issued here and is neither expired nor revoked. */
  async accepts(token: string): Promise<boolean> {
    return (await this.provider.ClientCredentials.find(token)) !== undefined;
  }

  /** Revokes every token there is. */
  revokeTokens(): void {
    this.tokens.clear();
  }
}

function answerOf(server: AuthorizationListener, provider: OidcProvider): Answer {
  const answer = provider.callback();
  return (request, response) => {
    const { oauthError } = server.values;
    if (oauthError !== null && request.url === TOKEN_PATH) sendOAuthError(response, oauthError);
    else return answer(request, response);
  };
}

function sendOAuthError(response: ServerResponse, error: string): void {
  const body = { error, error_description: 'The sandbox is told to refuse' };
  if (error === 'invalid_client') {
    sendJson(response, 401, body, {
      'www-authenticate': `Basic realm="sandbox", error="${error}"`,
    });
  } else sendJson(response, 400, body);
}

function makeProvider(
  server: AuthorizationListener,
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
    // Nothing here is signed; without keys of one's own there would be a warning.
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
  // Its one warning here is that it does not support Node.js 20 and odd versions; this much of it runs there.
  console.warn = () => undefined;
  try {
    return (await import('oidc-provider')).Provider;
  } finally {
    console.warn = warn;
  }
}
