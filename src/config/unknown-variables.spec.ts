import { describe, expect, it } from '@jest/globals';

import { Environment } from './environment.js';
import { unknownVariables } from './unknown-variables.js';

const KNOWN = Object.keys(new Environment());

describe(unknownVariables.name, () => {
  it.each([
    ['THROTLE_LIMIT', 'THROTTLE_LIMIT'],
    ['REDIS_URI', 'REDIS_URL'],
    ['REDISURL', 'REDIS_URL'],
    ['DATABASE_POOLMAX', 'DATABASE_POOL_MAX'],
    ['DATBASE_URL', 'DATABASE_URL'],
    ['WEBHOOK_SECRET', 'WEBHOOK_SECRETS'],
    ['CACHE_TTL', undefined],
    ['NODE_ENVS', 'NODE_ENV'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['CURENCY', 'CURRENCY'],
    ['PUBLIC_URI', 'PUBLIC_URL'],
  ])('suggests the variable that %s is close to: %s', (name, meant) => {
    expect(unknownVariables([name], KNOWN)).toEqual([
      meant === undefined
        ? `${name} is ignored: there is no such variable.`
        : `${name} is ignored. Did you mean ${meant}?`,
    ]);
  });

  it.each(['DATABASE_URL_UNPOOLED', 'REDIS_HOST', 'OAUTH_AUDIENCE', 'THROTTLE_WINDOW_SECONDS'])(
    'warns about %s, which begins like a variable of the service',
    (name) => {
      expect(unknownVariables([name], KNOWN)).toEqual([
        `${name} is ignored: there is no such variable.`,
      ]);
    },
  );

  it.each([
    'PATH',
    'PWD',
    'HOME',
    'HOSTNAME',
    'PORTS',
    'POSTGRES_PASSWORD',
    'NODE_VERSION',
    'NODE_OPTIONS',
    'LOG_FORMAT',
    'LOGNAME',
    'PUBLIC_DNS',
    'HTTP_PROXY',
    'PGUSER',
    'npm_config_user_agent',
    '_',
    'REDIS_PORT',
    'REDIS_PORT_6379_TCP',
    'REDIS_PORT_6379_TCP_ADDR',
    'REDIS_SERVICE_HOST',
    'REDIS_SERVICE_PORT',
    'REDIS_SERVICE_PORT_REDIS',
    'CATALOG_API_SERVICE_HOST',
    'PORT_80_TCP',
  ])('does not warn about %s', (name) => {
    expect(unknownVariables([name], KNOWN)).toEqual([]);
  });

  it('does not warn about a variable of the service', () => {
    expect(unknownVariables(KNOWN, KNOWN)).toEqual([]);
  });
});
