import { applyDecorators } from '@nestjs/common';
import { plainToInstance, Transform } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  isISO4217CurrencyCode,
  IsOptional,
  IsString,
  Max,
  Min,
  registerDecorator,
  ValidateIf,
  validateSync,
  type ValidationArguments,
} from 'class-validator';
import { isIP } from 'node:net';

import { readEnvFile } from './env-file.js';
import { InvalidEnvironmentError } from './invalid-environment.error.js';
import { PostgresUrlError } from './postgres-url.error.js';
import { readPostgresUrl } from './postgres-url.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
const OAUTH_CLIENT_AUTHS = ['basic', 'basic-raw', 'post'] as const;
const NODE_ENVS = ['production', 'development', 'test'] as const;

/** Variables whose value may hold a password: an error never shows it. */
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

/** What makes an OAuth client: all of it or nothing. */
const OAUTH_CLIENT = ['OAUTH_TOKEN_URL', 'OAUTH_CLIENT_ID', 'OAUTH_CLIENT_SECRET'] as const;
/** Parameters of a token request that the service sets itself. */
const OWN_TOKEN_PARAMETERS = ['grant_type', 'client_id', 'client_secret', 'scope'];

function WholeNumber(min: number, max: number): PropertyDecorator {
  const message = `an integer from ${min} to ${max}`;
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? (/^\d{1,15}$/.test(value) ? Number(value) : Number.NaN) : value,
    ),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
}

function Flag(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      value === 'true' ? true : value === 'false' ? false : value,
    ),
    IsBoolean({ message: 'true or false' }),
  );
}

function OneOf(values: readonly string[]): PropertyDecorator {
  return IsIn(values, { message: `one of ${values.join(', ')}` });
}

function Check(
  name: string,
  wants: string | ((got: ValidationArguments) => string),
  accepts: (value: unknown, environment: Partial<Environment>) => boolean,
): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message: wants },
      validator: { validate: (value, context) => accepts(value, context?.object ?? {}) },
    });
  };
}

function toUrl(value: unknown, protocols: readonly string[]): URL | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    return undefined;
  }
  const url = new URL(value);
  return protocols.includes(url.protocol) && url.hostname !== '' ? url : undefined;
}

/** Whether user and password, where there are any, are percent-encoded as URLs have it. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function PostgresUrl(): PropertyDecorator {
  const form = 'postgresql://user:password@host:port/database';
  return Check(
    'postgresUrl',
    ({ value }) => `${form}${value === undefined ? '' : `; ${postgresUrlFault(value) ?? ''}`}`,
    (value) => postgresUrlFault(value) === undefined,
  );
}

/** Why a value is no usable URL of a database. */
function postgresUrlFault(value: unknown): string | undefined {
  try {
    readPostgresUrl(String(value));
    return undefined;
  } catch (error) {
    if (error instanceof PostgresUrlError) {
      return error.message;
    }
    throw error;
  }
}

function RedisUrl(): PropertyDecorator {
  return Check(
    'redisUrl',
    'redis://user:password@host:port/number, or rediss://, without a query but ?family=4, 6 or 0 (IPv4, IPv6 or both)',
    (value) => {
      const url = toUrl(value, ['redis:', 'rediss:']);
      return (
        url !== undefined &&
        isDecodable(url) &&
        /^\/?\d{0,5}$/.test(url.pathname) &&
        // ioredis takes every parameter for an option, and the timeouts are among those.
        /^(\?family=[046])?$/.test(url.search)
      );
    },
  );
}

/** An address of a partner, without a user and without what `excluded` finds. */
function PartnerUrl(wants: string, excluded: RegExp): PropertyDecorator {
  return Check('partnerUrl', wants, (value) => {
    const url = toUrl(value, ['https:', 'http:']);
    return url !== undefined && url.username + url.password === '' && !excluded.test(String(value));
  });
}

/** The address of a partner to which paths are added, kept without a slash at the end. */
function BaseUrl(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.replace(/\/+$/, '') : value,
    ),
    PartnerUrl('https:// (or http://), without a user, a query or a fragment', /[?#\s]/),
  );
}

/** Text of visible ASCII characters (RFC 6749, appendix A), spaces between them when told. */
function Ascii(wants: string, pattern: RegExp): PropertyDecorator {
  return Check('ascii', wants, (value) => typeof value === 'string' && pattern.test(value));
}

/** Id or secret of the OAuth client. Some providers allow more than the ASCII of RFC 6749, appendix A. */
function ClientCredential(): PropertyDecorator {
  return Check(
    'clientCredential',
    `up to 1000 printable characters; ${OAUTH_CLIENT.join(', ')} go together`,
    (value) => typeof value === 'string' && /^\P{C}{1,1000}$/u.test(value),
  );
}

/** Form-encoded parameters, which may repeat a name (RFC 8707, section 2). */
function TokenParameters(): PropertyDecorator {
  return Check(
    'tokenParameters',
    `form-encoded parameters such as audience=orders&resource=https%3A%2F%2Fapi.example, each with a value, without those that the service sets itself: ${OWN_TOKEN_PARAMETERS.join(', ')}`,
    (value) => typeof value === 'string' && value.split('&').every(isTokenParameter),
  );
}

/** Whether a text is a form-encoded name and value, and the name is free (RFC 6749, section 8.2). */
function isTokenParameter(text: string): boolean {
  const [, name = '', value = ''] = /^([\w.-]+)=([\x21-\x7e]+)$/.exec(text) ?? [];
  try {
    return decodeURIComponent(value) !== '' && !OWN_TOKEN_PARAMETERS.includes(name);
  } catch {
    return false;
  }
}

/** Checked, and required, as soon as one variable of an OAuth client is set. */
function WithOAuthClient(): PropertyDecorator {
  return ValidateIf((environment: Environment) =>
    OAUTH_CLIENT.some((name) => environment[name] !== undefined),
  );
}

/** Texts separated by commas, each of which `accepts` takes. */
function List(name: string, wants: string, accepts: (entry: string) => boolean): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.split(',').map((entry) => entry.trim()) : value,
    ),
    Check(
      name,
      wants,
      (value) => Array.isArray(value) && value.every((entry) => accepts(String(entry))),
    ),
  );
}

/** Secrets as Standard Webhooks writes them, of at least 128 bits. */
function WebhookSecrets(): PropertyDecorator {
  return List(
    'webhookSecrets',
    'whsec_ and the base64 of 16 to 256 random bytes, comma-separated while they are rotated',
    (secret) => {
      const [, base64 = ''] = /^whsec_([\w+/-]+={0,2})$/.exec(secret) ?? [];
      const { length } = Buffer.from(base64, 'base64');
      return length >= 16 && length <= 256;
    },
  );
}

function Origins(): PropertyDecorator {
  return List(
    'origins',
    'exact origins, comma-separated, such as https://farmlokal.example',
    (origin) => toUrl(origin, ['http:', 'https:'])?.origin === origin,
  );
}

/** A code of ISO 4217, in capitals as the standard has it. */
function Currency(): PropertyDecorator {
  return Check(
    'currency',
    'a currency code of ISO 4217, such as INR',
    (value) => isISO4217CurrencyCode(value) && value === String(value).toUpperCase(),
  );
}

/** Networks in CIDR notation, or single addresses. Not the whole of the internet, which would be to trust anyone. */
function Networks(): PropertyDecorator {
  return List(
    'networks',
    'addresses or CIDRs, comma-separated, such as 10.0.0.0/8, fd00::/8',
    (network) => {
      const [address = '', prefix, ...more] = network.split('/');
      const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
      return (
        longest > 0 &&
        more.length === 0 &&
        (prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= longest))
      );
    },
  );
}

/** The variables the service reads, validated and typed. The names are those of the environment. */
export class Environment {
  /** TCP port to listen on; 0 takes a free one. Default 3000. */
  @WholeNumber(0, 65_535)
  readonly PORT: number = 3000;

  /** Address to listen on. Default 0.0.0.0. */
  @IsString()
  readonly HOST: string = '0.0.0.0';

  /** `development` adds stack traces to problems. Default production. */
  @OneOf(NODE_ENVS)
  readonly NODE_ENV: (typeof NODE_ENVS)[number] = 'production';

  /** Where the catalogue lives. Required. `sslmode=require` verifies the certificate, `verify-ca` its chain alone. */
  @PostgresUrl()
  readonly DATABASE_URL!: string;

  /** The direct (unpooled) connection for the migration CLI. Default: `DATABASE_URL`. */
  @IsOptional()
  @PostgresUrl()
  readonly MIGRATION_DATABASE_URL?: string;

  /** Connections a process opens at most. Default 10. */
  @WholeNumber(1, 1000)
  readonly DATABASE_POOL_MAX: number = 10;

  /** Milliseconds a statement may run, and a page may wait for PostgreSQL in all. Default 5000. */
  @WholeNumber(1, 600_000)
  readonly DATABASE_STATEMENT_TIMEOUT_MS: number = 5000;

  /** Shared cache and locks. Without it the service runs as with Redis down. */
  @IsOptional()
  @RedisUrl()
  readonly REDIS_URL?: string;

  /** Token endpoint of the OAuth provider (RFC 6749, section 3.2). Without a client, partners are not asked. */
  @WithOAuthClient()
  @PartnerUrl(
    `https:// (or http://), without a user or a fragment; ${OAUTH_CLIENT.join(', ')} go together`,
    /[#\s]/,
  )
  readonly OAUTH_TOKEN_URL?: string;

  /** The client that this service is to the provider. */
  @WithOAuthClient()
  @ClientCredential()
  readonly OAUTH_CLIENT_ID?: string;

  /** The client's secret. */
  @WithOAuthClient()
  @ClientCredential()
  readonly OAUTH_CLIENT_SECRET?: string;

  /** Scopes to ask for, separated by spaces. Default: those that the provider gives unasked. */
  @IsOptional()
  @Ascii(
    'scopes, separated by single spaces',
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
  )
  readonly OAUTH_SCOPE?: string;

  /**
   * How the client authenticates: by HTTP Basic with id and secret form-encoded (`basic`, RFC 6749) or as
   * they are (`basic-raw`), or in the body (`post`). Default basic.
   */
  @OneOf(OAUTH_CLIENT_AUTHS)
  @Check(
    'separable',
    'basic or post, because OAUTH_CLIENT_ID contains a colon',
    (value, { OAUTH_CLIENT_ID: id = '' }) => value !== 'basic-raw' || !id.includes(':'),
  )
  readonly OAUTH_CLIENT_AUTH: (typeof OAUTH_CLIENT_AUTHS)[number] = 'basic';

  /** More parameters of the token request, form-encoded, such as `audience` and `resource`. */
  @IsOptional()
  @TokenParameters()
  readonly OAUTH_TOKEN_PARAMETERS?: string;

  /** API A, which knows what is in stock. Without it, availability is a 503. */
  @IsOptional()
  @BaseUrl()
  readonly INVENTORY_API_URL?: string;

  /** Milliseconds that one attempt at API A may take. Default 1000. */
  @WholeNumber(1, 60_000)
  readonly INVENTORY_TIMEOUT_MS: number = 1000;

  /** Milliseconds within which an availability is answered, all attempts together. Default 3000. */
  @WholeNumber(1, 60_000)
  readonly INVENTORY_DEADLINE_MS: number = 3000;

  /** API B, where the callback for catalogue changes is registered, as {@link PUBLIC_URL}. */
  @IsOptional()
  @BaseUrl()
  readonly CATALOG_API_URL?: string;

  /** Where partners reach this service. */
  @IsOptional()
  @BaseUrl()
  readonly PUBLIC_URL?: string;

  /** What API B signs with; several while they are rotated. Without any, the callback is a 503. */
  @IsOptional()
  @WebhookSecrets()
  readonly WEBHOOK_SECRETS?: readonly string[];

  /** Milliseconds for which a cached page is fresh. Default 30000. */
  @WholeNumber(1, 86_400_000)
  readonly CACHE_TTL_MS: number = 30_000;

  /** Milliseconds for which a page may stand in for a failing database. Default 600000. */
  @WholeNumber(1, 86_400_000)
  readonly CACHE_STALE_MS: number = 600_000;

  /** Requests that a client's address may make within {@link THROTTLE_TTL_MS}. Default 300. */
  @WholeNumber(1, 1_000_000_000)
  readonly THROTTLE_LIMIT: number = 300;

  /** Milliseconds of the window in which requests are counted. Default 60000. */
  @WholeNumber(1000, 86_400_000)
  readonly THROTTLE_TTL_MS: number = 60_000;

  /** Proxies that are believed about whom they ask for (`X-Forwarded-For`). Default none. */
  @IsOptional()
  @Networks()
  readonly TRUST_PROXY?: readonly string[];

  /** Milliseconds between SIGTERM and the closing of the server. Default 5000. */
  @WholeNumber(0, 600_000)
  readonly SHUTDOWN_DELAY_MS: number = 5000;

  /**
   * Milliseconds for which a connection stays open between two requests. Longer than any load balancer keeps it for
   * reuse: Google's does for 600 s. Default 620000.
   */
  @WholeNumber(1000, 86_400_000)
  readonly KEEP_ALIVE_TIMEOUT_MS: number = 620_000;

  /**
   * The currency of the catalogue (ISO 4217). A webhook with another one is refused; products that were stored with
   * another one before stay in the listing. Default INR.
   */
  @Currency()
  readonly CURRENCY: string = 'INR';

  /** Least level that is logged. Default info. */
  @OneOf(LOG_LEVELS)
  readonly LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'info';

  /** What `/metrics` and the detail of `/health` want as a bearer token. Default none: both are open. */
  @IsOptional()
  @Ascii('up to 1000 visible ASCII characters', /^[\x21-\x7e]{1,1000}$/)
  readonly METRICS_TOKEN?: string;

  /** Whether `/docs` and `/docs-json` are served. Default true. */
  @Flag()
  readonly DOCS_ENABLED: boolean = true;

  /** Origins whose pages may read the API. Default none. */
  @IsOptional()
  @Origins()
  readonly CORS_ORIGINS?: readonly string[];
}

/**
 * Validates a set of environment variables. An empty string counts as unset.
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
      return `${property}: got ${got}, wants ${Object.values(constraints)[0] ?? 'another value'}`;
    },
  );
  if (faults.length > 0) {
    throw new InvalidEnvironmentError(faults);
  }
  return environment;
}

/**
 * The environment of this process; a `.env` file in the working directory fills in what is not set.
 *
 * @throws InvalidEnvironmentError that names every bad variable, or says why `.env` cannot be read.
 */
export function loadEnvironment(): Environment {
  for (const [name, value] of Object.entries(readEnvFile('.env'))) {
    process.env[name] ??= value;
  }
  return readEnvironment(process.env);
}
