import { plainToInstance } from 'class-transformer';
import { IsOptional, IsString, ValidateIf, validateSync } from 'class-validator';

import { readEnvFile } from './env-file.js';
import { InvalidEnvironmentError } from './invalid-environment.error.js';
import {
  BaseUrl,
  Check,
  Currency,
  Flag,
  Matches,
  Networks,
  OneOf,
  Origins,
  PartnerUrl,
  PostgresUrl,
  RedisUrl,
  TokenParameters,
  WebhookSecrets,
  WholeNumber,
} from './validators.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const OAUTH_CLIENT_AUTHS = ['basic', 'basic-raw', 'post'] as const;
const NODE_ENVS = ['production', 'development', 'test'] as const;

/** Variables whose value may contain a secret: an error never shows it. */
const SECRETS = new Set<string>([
  'DATABASE_URL',
  'MIGRATION_DATABASE_URL',
  'REDIS_URL',
  'OAUTH_TOKEN_URL',
  'OAUTH_CLIENT_SECRET',
  'OAUTH_TOKEN_PARAMETERS',
  'INVENTORY_API_URL',
  'CATALOG_API_URL',
  'WEBHOOK_SECRETS',
  'METRICS_TOKEN',
]);

/** The variables of an OAuth client: all of them are set, or none. */
const OAUTH_CLIENT = ['OAUTH_TOKEN_URL', 'OAUTH_CLIENT_ID', 'OAUTH_CLIENT_SECRET'] as const;
const ALL_OR_NONE = `all or none of ${OAUTH_CLIENT.join(', ')} must be set`;

/** Validates a variable, and requires it, when any variable of {@link OAUTH_CLIENT} is set. */
function WithOAuthClient(): PropertyDecorator {
  return ValidateIf((environment: Environment) =>
    OAUTH_CLIENT.some((name) => environment[name] !== undefined),
  );
}

/** Some providers allow more characters than RFC 6749, appendix A. */
function ClientCredential(): PropertyDecorator {
  return Matches(/^\P{C}{1,1000}$/u, `up to 1000 printable characters; ${ALL_OR_NONE}`);
}

/** The variables that the service reads, validated and typed. */
export class Environment {
  /** TCP port to listen on; 0 means any free port. Default 3000. */
  @WholeNumber(0, 65_535)
  readonly PORT: number = 3000;

  /** Address to listen on. Default 0.0.0.0. */
  @IsString()
  readonly HOST: string = '0.0.0.0';

  /** `development` adds stack traces to problems, and makes the log readable. Default production. */
  @OneOf(NODE_ENVS)
  readonly NODE_ENV: (typeof NODE_ENVS)[number] = 'production';

  /** PostgreSQL. Required. `sslmode=require` verifies the certificate of the server. */
  @PostgresUrl()
  readonly DATABASE_URL!: string;

  /** Direct connection (without a pooler) for the migration commands. Default: `DATABASE_URL`. */
  @IsOptional()
  @PostgresUrl()
  readonly MIGRATION_DATABASE_URL?: string;

  /** Maximum number of connections from this process to PostgreSQL. Default 10. */
  @WholeNumber(1, 1000)
  readonly DATABASE_POOL_MAX: number = 10;

  /** Milliseconds that a statement may run, and that a request may wait for PostgreSQL. Default 5000. */
  @WholeNumber(1, 600_000)
  readonly DATABASE_STATEMENT_TIMEOUT_MS: number = 5000;

  /** Redis: shared cache, rate limits and locks. Default none: each process works by itself. */
  @IsOptional()
  @RedisUrl()
  readonly REDIS_URL?: string;

  /** Token endpoint of the OAuth provider (RFC 6749, section 3.2). Default none: no partner is called. */
  @WithOAuthClient()
  @PartnerUrl(`https:// (or http://), without a user or a fragment; ${ALL_OR_NONE}`, /[#\s]/)
  readonly OAUTH_TOKEN_URL?: string;

  /** Client id of this service at the OAuth provider. */
  @WithOAuthClient()
  @ClientCredential()
  readonly OAUTH_CLIENT_ID?: string;

  /** Client secret of this service at the OAuth provider. */
  @WithOAuthClient()
  @ClientCredential()
  readonly OAUTH_CLIENT_SECRET?: string;

  /** Scopes to request, separated by spaces. Default: the scopes that the provider grants by default. */
  @IsOptional()
  @Matches(
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'scopes, separated by single spaces',
  )
  readonly OAUTH_SCOPE?: string;

  /**
   * Client authentication: HTTP Basic with id and secret form-encoded (`basic`, RFC 6749) or unchanged (`basic-raw`), or
   * id and secret in the body (`post`). Default basic.
   */
  @OneOf(OAUTH_CLIENT_AUTHS)
  @Check<Environment>(
    'basic or post, because OAUTH_CLIENT_ID contains a colon',
    (value, { OAUTH_CLIENT_ID: id = '' }) => value !== 'basic-raw' || !id.includes(':'),
  )
  readonly OAUTH_CLIENT_AUTH: (typeof OAUTH_CLIENT_AUTHS)[number] = 'basic';

  /** Additional form-encoded parameters of the token request, such as `audience` and `resource`. */
  @IsOptional()
  @TokenParameters()
  readonly OAUTH_TOKEN_PARAMETERS?: string;

  /** API A, the inventory of the partner. Default none: availability is answered with 503. */
  @IsOptional()
  @BaseUrl()
  readonly INVENTORY_API_URL?: string;

  /** Timeout of one request to API A, in milliseconds. Default 1000. */
  @WholeNumber(1, 60_000)
  readonly INVENTORY_TIMEOUT_MS: number = 1000;

  /** Deadline of an availability response, including all retries, in milliseconds. Default 3000. */
  @WholeNumber(1, 60_000)
  readonly INVENTORY_DEADLINE_MS: number = 3000;

  /** API B, at which the service registers {@link PUBLIC_URL} as the callback for catalog changes. */
  @IsOptional()
  @BaseUrl()
  readonly CATALOG_API_URL?: string;

  /** URL at which partners reach this service. */
  @IsOptional()
  @BaseUrl()
  readonly PUBLIC_URL?: string;

  /** Secrets that API B signs webhooks with; several during a rotation. Default none: webhooks are answered with 503. */
  @IsOptional()
  @WebhookSecrets()
  readonly WEBHOOK_SECRETS?: readonly string[];

  /** Milliseconds until a cached response is stale. Default 30000. */
  @WholeNumber(1, 86_400_000)
  readonly CACHE_TTL_MS: number = 30_000;

  /** Milliseconds for which a cached response may be served while PostgreSQL fails. Default 600000. */
  @WholeNumber(1, 86_400_000)
  readonly CACHE_STALE_MS: number = 600_000;

  /** Requests that one client address may send within {@link THROTTLE_TTL_MS}. Default 300. */
  @WholeNumber(1, 1_000_000_000)
  readonly THROTTLE_LIMIT: number = 300;

  /** Window of the rate limit in milliseconds. Default 60000. */
  @WholeNumber(1000, 86_400_000)
  readonly THROTTLE_TTL_MS: number = 60_000;

  /** Proxies whose `X-Forwarded-For` is trusted. Default none. */
  @IsOptional()
  @Networks()
  readonly TRUST_PROXY?: readonly string[];

  /** Milliseconds between SIGTERM and the end of listening. Default 5000. */
  @WholeNumber(0, 600_000)
  readonly SHUTDOWN_DELAY_MS: number = 5000;

  /**
   * Milliseconds for which an idle connection stays open. They must exceed the idle timeout of the load balancer, which
   * is 600 s in Google Cloud. Default 620000.
   */
  @WholeNumber(1000, 86_400_000)
  readonly KEEP_ALIVE_TIMEOUT_MS: number = 620_000;

  /**
   * The currency of the catalog (ISO 4217). A webhook with another currency is rejected; products that are stored with
   * another one stay listed. Default INR.
   */
  @Currency()
  readonly CURRENCY: string = 'INR';

  /** Lowest level that is logged. Default info. */
  @OneOf(LOG_LEVELS)
  readonly LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'info';

  /** Bearer token that `/metrics` and the details of `/health` require. Default none: both are public. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,1000}$/, 'up to 1000 visible ASCII characters')
  readonly METRICS_TOKEN?: string;

  /** Whether `/docs` and `/docs-json` are served. Default true. */
  @Flag()
  readonly DOCS_ENABLED: boolean = true;

  /** Origins whose pages may call the API (CORS). Default none. */
  @IsOptional()
  @Origins()
  readonly CORS_ORIGINS?: readonly string[];
}

/**
 * Validates environment variables. An empty string counts as unset.
 *
 * @throws InvalidEnvironmentError that names every bad variable.
 */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const environment = plainToInstance(Environment, set, { exposeDefaultValues: true });
  const faults = validateSync(environment, { stopAtFirstError: true }).map(
    ({ property, constraints = {} }) => {
      const value = set[property];
      const got =
        value === undefined
          ? 'nothing'
          : SECRETS.has(property)
            ? 'a value (not shown)'
            : `"${value}"`;
      return `${property}: got ${got}, expected ${Object.values(constraints)[0] ?? 'another value'}`;
    },
  );
  if (faults.length > 0) {
    throw new InvalidEnvironmentError(faults);
  }
  return environment;
}

/**
 * Reads the environment of this process. A `.env` file in the working directory provides variables that are not set.
 *
 * @throws InvalidEnvironmentError that names every bad variable, or gives the reason why `.env` cannot be read.
 */
export function loadEnvironment(): Environment {
  for (const [name, value] of Object.entries(readEnvFile('.env'))) {
    process.env[name] ??= value;
  }
  return readEnvironment(process.env);
}
