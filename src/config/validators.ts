import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  Max,
  Min,
  registerDecorator,
  type ValidationArguments,
} from 'class-validator';
import { isIP } from 'node:net';

import { PostgresUrlError } from './postgres-url.error.js';
import { readPostgresUrl } from './postgres-url.js';

// Each decorator parses and validates one variable. Its message completes "expected …".

const CURRENCIES = new Set(Intl.supportedValuesOf('currency'));
/** Parameters of a token request that the service sets itself. */
const RESERVED_TOKEN_PARAMETERS = ['grant_type', 'client_id', 'client_secret', 'scope'];

/** A rule of one variable. `accepts` gets the value and the other variables. */
export function Check<Variables extends object>(
  expected: string | ((got: ValidationArguments) => string),
  accepts: (value: unknown, variables: Partial<Variables>) => boolean,
): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: 'check',
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message: expected },
      validator: {
        validate: (value, context) => accepts(value, context?.object ?? {}),
      },
    });
  };
}

export function WholeNumber(min: number, max: number): PropertyDecorator {
  const message = `an integer from ${min} to ${max}`;
  return applyDecorators(
    TransformText((text) => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN)),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
}

export function Flag(): PropertyDecorator {
  return applyDecorators(
    TransformText((text) => (text === 'true' ? true : text === 'false' ? false : text)),
    IsBoolean({ message: 'true or false' }),
  );
}

export function OneOf(values: readonly string[]): PropertyDecorator {
  return IsIn(values, { message: `one of ${values.join(', ')}` });
}

export function Matches(pattern: RegExp, expected: string): PropertyDecorator {
  return Check(expected, (value) => typeof value === 'string' && pattern.test(value));
}

export function PostgresUrl(): PropertyDecorator {
  const form = 'postgresql://user:password@host:port/database';
  return Check(
    ({ value }) => `${form}${value === undefined ? '' : `; ${postgresUrlFault(value) ?? ''}`}`,
    (value) => postgresUrlFault(value) === undefined,
  );
}

export function RedisUrl(): PropertyDecorator {
  return Check(
    'redis://user:password@host:port/number, or rediss://, without a query except ?family=4, 6 or 0 (IPv4, IPv6 or both)',
    (value) => {
      const url = toUrl(value, ['redis:', 'rediss:']);
      return (
        url !== undefined &&
        isDecodable(url) &&
        /^\/?\d{0,5}$/.test(url.pathname) &&
        // ioredis reads every parameter as an option, and its timeouts are options.
        /^(\?family=[046])?$/.test(url.search)
      );
    },
  );
}

/** The URL of a partner, without a user and without a match of `excluded`. */
export function PartnerUrl(expected: string, excluded: RegExp): PropertyDecorator {
  return Check(expected, (value) => {
    const url = toUrl(value, ['https:', 'http:']);
    return url !== undefined && url.username + url.password === '' && !excluded.test(String(value));
  });
}

/** The URL to which the paths of a partner's API are appended. A slash at its end is removed. */
export function BaseUrl(): PropertyDecorator {
  return applyDecorators(
    TransformText((text) => text.replace(/\/+$/, '')),
    PartnerUrl('https:// (or http://), without a user, a query or a fragment', /[?#\s]/),
  );
}

/** Form-encoded parameters, which may repeat a name (RFC 8707, section 2). */
export function TokenParameters(): PropertyDecorator {
  return Check(
    `form-encoded parameters such as audience=orders&resource=https%3A%2F%2Fapi.example, each with a value, without those that the service sets itself: ${RESERVED_TOKEN_PARAMETERS.join(', ')}`,
    (value) => typeof value === 'string' && value.split('&').every(isTokenParameter),
  );
}

/** Secrets in the form of Standard Webhooks, with at least 128 bits. */
export function WebhookSecrets(): PropertyDecorator {
  return List(
    'whsec_ and the base64 of 16 to 256 random bytes; several are comma-separated',
    (secret) => {
      const [, base64 = ''] = /^whsec_([\w+/-]+={0,2})$/.exec(secret) ?? [];
      const { length } = Buffer.from(base64, 'base64');
      return length >= 16 && length <= 256;
    },
  );
}

export function Origins(): PropertyDecorator {
  return List(
    'exact origins, comma-separated, such as https://farmlokal.example',
    (origin) => toUrl(origin, ['http:', 'https:'])?.origin === origin,
  );
}

/** A currency in use. ISO 4217 also has XXX for no currency and XTS for tests. */
export function Currency(): PropertyDecorator {
  return Check('a currency code of ISO 4217, such as INR', (value) =>
    CURRENCIES.has(String(value)),
  );
}

/** Networks in CIDR notation, or single addresses. A prefix of 0 is rejected, because it would trust every client. */
export function Networks(): PropertyDecorator {
  return List('addresses or CIDRs, comma-separated, such as 10.0.0.0/8, fd00::/8', (network) => {
    const [address = '', prefix, ...more] = network.split('/');
    const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
    return (
      longest > 0 &&
      more.length === 0 &&
      (prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= longest))
    );
  });
}

/** Comma-separated entries, all of which `accepts` accepts. */
function List(expected: string, accepts: (entry: string) => boolean): PropertyDecorator {
  return applyDecorators(
    TransformText((text) => text.split(',').map((entry) => entry.trim())),
    Check(
      expected,
      (value) => Array.isArray(value) && value.every((entry) => accepts(String(entry))),
    ),
  );
}

function TransformText(parse: (text: string) => unknown): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? parse(value) : value,
  );
}

function toUrl(value: unknown, protocols: readonly string[]): URL | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    return undefined;
  }
  const url = new URL(value);
  return protocols.includes(url.protocol) && url.hostname !== '' ? url : undefined;
}

/** Whether user and password are correctly percent-encoded. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

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

/** Whether a text is a form-encoded name and value (RFC 6749, section 8.2) and the name is not reserved. */
function isTokenParameter(text: string): boolean {
  const [, name = '', value = ''] = /^([\w.-]+)=([\x21-\x7e]+)$/.exec(text) ?? [];
  try {
    return decodeURIComponent(value) !== '' && !RESERVED_TOKEN_PARAMETERS.includes(name);
  } catch {
    return false;
  }
}
