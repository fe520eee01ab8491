import { describe, expect, it } from '@jest/globals';

import { readEnvironment } from './environment.js';

const DATABASE_URL = 'postgresql://farmlokal:hunter2@db.example:5432/farmlokal';

function faultsOf(variables: NodeJS.ProcessEnv): string {
  try {
    readEnvironment(variables);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe(readEnvironment.name, () => {
  it('uses the defaults for variables that are not set', () => {
    expect(readEnvironment({ DATABASE_URL })).toMatchObject({
      PORT: 3000,
      HOST: '0.0.0.0',
      NODE_ENV: 'production',
      DATABASE_POOL_MAX: 10,
      DATABASE_STATEMENT_TIMEOUT_MS: 5000,
      CACHE_TTL_MS: 30_000,
      CACHE_STALE_MS: 600_000,
      THROTTLE_LIMIT: 300,
      THROTTLE_TTL_MS: 60_000,
      SHUTDOWN_DELAY_MS: 5000,
      KEEP_ALIVE_TIMEOUT_MS: 620_000,
      CURRENCY: 'INR',
      LOG_LEVEL: 'info',
      DOCS_ENABLED: true,
    });
  });

  it('reads an empty string as an unset variable', () => {
    const environment = readEnvironment({ DATABASE_URL, REDIS_URL: '', PORT: '' });
    expect(environment.REDIS_URL).toBeUndefined();
    expect(environment.PORT).toBe(3000);
  });

  it('names every bad variable in one error, with its value and what is expected', () => {
    const message = faultsOf({ PORT: '70000', LOG_LEVEL: 'loud', DOCS_ENABLED: 'yes' });
    expect(message).toContain('PORT: got "70000", expected an integer from 0 to 65535');
    expect(message).toContain('LOG_LEVEL: got "loud", expected one of trace, debug, info');
    expect(message).toContain('DOCS_ENABLED: got "yes", expected true or false');
    expect(message).toContain('DATABASE_URL: got nothing, expected postgresql://');
  });

  it.each(['1e3', '0x10', '-1', '１０', '1.5', ' 1'])('rejects %j as a number', (PORT) => {
    expect(faultsOf({ DATABASE_URL, PORT })).toContain('PORT: got');
  });

  it('accepts the networks of trusted proxies, but not the whole internet', () => {
    const networks = '127.0.0.1, 10.0.0.0/8,fd00::/8 , ::1/128';
    expect(readEnvironment({ DATABASE_URL, TRUST_PROXY: networks }).TRUST_PROXY).toEqual([
      '127.0.0.1',
      '10.0.0.0/8',
      'fd00::/8',
      '::1/128',
    ]);
    for (const TRUST_PROXY of [
      '0.0.0.0/0',
      '::/0',
      '10.0.0.0/33',
      '10.0.0.0/8/8',
      '10.0.0.0/x',
      'loopback',
      'true',
      '1',
      '10.0.0.1,',
    ]) {
      expect(faultsOf({ DATABASE_URL, TRUST_PROXY })).toContain('TRUST_PROXY: got');
    }
  });

  it.each(['inr', 'RUPEE', 'R', '₹', 'ZZZ', 'XXX', 'XTS', 'XAU', 'DEM', 'INR,USD', ' INR'])(
    'rejects %j as a currency',
    (CURRENCY) => {
      expect(faultsOf({ DATABASE_URL, CURRENCY })).toContain(
        `CURRENCY: got "${CURRENCY}", expected a currency code of ISO 4217, such as INR`,
      );
    },
  );

  it.each(['USD', 'EUR', 'JPY', 'KES', 'XCG'])('accepts the currency %s', (CURRENCY) => {
    expect(readEnvironment({ DATABASE_URL, CURRENCY }).CURRENCY).toBe(CURRENCY);
  });

  it.each(['0', '999', '1.5', '620s'])('rejects %j as a keep-alive timeout', (timeout) => {
    expect(faultsOf({ DATABASE_URL, KEEP_ALIVE_TIMEOUT_MS: timeout })).toContain(
      `KEEP_ALIVE_TIMEOUT_MS: got "${timeout}", expected an integer from 1000 to 86400000`,
    );
  });

  it('does not show the metrics token', () => {
    expect(readEnvironment({ DATABASE_URL, METRICS_TOKEN: 'hunter2' }).METRICS_TOKEN).toBe(
      'hunter2',
    );
    const message = faultsOf({ DATABASE_URL, METRICS_TOKEN: 'hunter 2' });
    expect(message).toContain('METRICS_TOKEN: got a value (not shown)');
  });

  it('requires all variables of an OAuth client, or none', () => {
    const client = {
      OAUTH_TOKEN_URL: 'https://id.example/token',
      OAUTH_CLIENT_ID: 'farmlokal',
      OAUTH_CLIENT_SECRET: 'hunter2',
    };
    expect(readEnvironment({ DATABASE_URL, ...client })).toMatchObject(client);
    for (const [name, value] of Object.entries(client)) {
      const message = faultsOf({ DATABASE_URL, [name]: value });
      for (const other of Object.keys(client).filter((key) => key !== name)) {
        expect(message).toContain(`${other}: got nothing`);
      }
      expect(message).not.toContain(`${name}:`);
    }
    expect(faultsOf({ DATABASE_URL, OAUTH_SCOPE: 'inventory:read' })).toBe('');
  });

  it.each([
    'inventory.example',
    'ftp://inventory.example',
    'https://user:hunter2@inventory.example',
    'https://inventory.example?key=hunter2',
    'https://inventory.example#top',
    'https://inventory.example/a b',
  ])('rejects %j as the URL of a partner, without showing it', (url) => {
    const message = faultsOf({ DATABASE_URL, INVENTORY_API_URL: url });
    expect(message).toContain('INVENTORY_API_URL: got a value (not shown), expected https://');
    expect(message).not.toContain('hunter2');
  });

  it('accepts the URL of a partner with or without a slash at the end', () => {
    for (const url of ['https://inventory.example/v1', 'https://inventory.example/v1/']) {
      expect(readEnvironment({ DATABASE_URL, INVENTORY_API_URL: url }).INVENTORY_API_URL).toBe(
        'https://inventory.example/v1',
      );
    }
  });

  it.each(['', 'a  b', ' a', 'a"b', 'é'])('rejects %j as a scope', (OAUTH_SCOPE) => {
    const message = faultsOf({ DATABASE_URL, OAUTH_SCOPE });
    expect(message.includes('OAUTH_SCOPE')).toBe(OAUTH_SCOPE !== '');
  });

  describe('for the OAuth client', () => {
    const CLIENT = {
      DATABASE_URL,
      OAUTH_TOKEN_URL: 'https://id.example/token',
      OAUTH_CLIENT_ID: 'farmlokal',
      OAUTH_CLIENT_SECRET: 'hunter2',
    };

    it.each(['farm-lokal_01.prod', 'a:b', 'a b', 'a+b%c', 'Händler€', '~!@#$^&*()=[]{}|"<>?/'])(
      'accepts %j as an id and as a secret',
      (text) => {
        const variables = { ...CLIENT, OAUTH_CLIENT_ID: text, OAUTH_CLIENT_SECRET: text };
        expect(readEnvironment(variables)).toMatchObject(variables);
      },
    );

    it.each(['a\nb', 'a\tb', 'a\u007fb', '\ufefffarmlokal', 'a\u200bb', 'a'.repeat(1001)])(
      'rejects %j as an id and as a secret',
      (text) => {
        const message = faultsOf({ ...CLIENT, OAUTH_CLIENT_ID: text, OAUTH_CLIENT_SECRET: text });
        expect(message).toContain('OAUTH_CLIENT_ID: got');
        expect(message).toContain(
          'OAUTH_CLIENT_SECRET: got a value (not shown), expected up to 1000',
        );
      },
    );

    it('authenticates by form-encoded HTTP Basic by default', () => {
      expect(readEnvironment(CLIENT).OAUTH_CLIENT_AUTH).toBe('basic');
      for (const OAUTH_CLIENT_AUTH of ['basic', 'basic-raw', 'post']) {
        const environment = readEnvironment({ ...CLIENT, OAUTH_CLIENT_AUTH });
        expect(environment.OAUTH_CLIENT_AUTH).toBe(OAUTH_CLIENT_AUTH);
      }
      for (const OAUTH_CLIENT_AUTH of ['Basic', 'client_secret_basic', 'none']) {
        expect(faultsOf({ ...CLIENT, OAUTH_CLIENT_AUTH })).toContain(
          `OAUTH_CLIENT_AUTH: got "${OAUTH_CLIENT_AUTH}", expected one of basic, basic-raw, post`,
        );
      }
    });

    it('rejects an id with a colon for raw HTTP Basic, which splits at the first colon', () => {
      const variables = { ...CLIENT, OAUTH_CLIENT_ID: 'farm:lokal' };
      expect(faultsOf({ ...variables, OAUTH_CLIENT_AUTH: 'basic-raw' })).toContain(
        'OAUTH_CLIENT_AUTH: got "basic-raw", expected basic or post, because OAUTH_CLIENT_ID contains a colon',
      );
      for (const OAUTH_CLIENT_AUTH of ['basic', 'post']) {
        expect(faultsOf({ ...variables, OAUTH_CLIENT_AUTH })).toBe('');
      }
      expect(
        faultsOf({ ...CLIENT, OAUTH_CLIENT_SECRET: 'a:b', OAUTH_CLIENT_AUTH: 'basic-raw' }),
      ).toBe('');
    });

    it.each([
      'audience=orders',
      'audience=https%3A%2F%2Fapi.example%2F&resource=urn:a&resource=urn:b',
      'audience=https://api.example/?a=b',
      'x-tenant.id=M%C3%BCnchen+Ost',
      'scopes=a',
    ])('accepts the token parameters %j', (OAUTH_TOKEN_PARAMETERS) => {
      const variables = { ...CLIENT, OAUTH_TOKEN_PARAMETERS };
      expect(readEnvironment(variables)).toMatchObject(variables);
    });

    it.each([
      'audience',
      'audience=',
      '=orders',
      'audience=orders&',
      '&audience=orders',
      '?audience=orders',
      'audience=my orders',
      'audience=%zz',
      'audience=%ff',
      'audience=München',
      '{"audience":"hunter2"}',
      'grant_type=password',
      'audience=hunter2&client_id=other',
      'client_secret=hunter2',
      'scope=hunter2&audience=orders',
    ])('rejects the token parameters %j without showing them', (OAUTH_TOKEN_PARAMETERS) => {
      const message = faultsOf({ ...CLIENT, OAUTH_TOKEN_PARAMETERS });
      expect(message).toContain(
        'OAUTH_TOKEN_PARAMETERS: got a value (not shown), expected form-encoded parameters',
      );
      expect(message).toContain('grant_type, client_id, client_secret, scope');
      expect(message).not.toContain('hunter2');
    });
  });

  it('never shows a secret', () => {
    const message = faultsOf({
      DATABASE_URL: 'mysql://root:hunter2@db',
      REDIS_URL: 'http://:hunter2@redis',
      MIGRATION_DATABASE_URL: 'hunter2',
    });
    expect(message).toContain('DATABASE_URL: got a value (not shown)');
    expect(message).toContain('REDIS_URL: got a value (not shown)');
    expect(message).not.toContain('hunter2');
  });

  it.each([
    ['require', true],
    ['no-verify', true],
    ['disable', true],
    ['prefer', false],
    ['required', false],
  ])('accepts or rejects sslmode=%s: %s', (mode, good) => {
    const faults = faultsOf({ DATABASE_URL: `${DATABASE_URL}?sslmode=${mode}` });
    expect(faults === '').toBe(good);
  });

  it.each(['redis://host?family=4', 'rediss://u:p@host:6379/1?family=6', 'redis://host/?family=0'])(
    'accepts REDIS_URL=%s',
    (REDIS_URL) => {
      expect(readEnvironment({ DATABASE_URL, REDIS_URL }).REDIS_URL).toBe(REDIS_URL);
    },
  );

  it.each([
    'redis://host:6379/abc',
    'redis://host:6379/1/2',
    'redis://:p%zz@host',
    'redis://host?commandTimeout=9000',
    'redis://host?family=5',
    'redis://host?family=',
    'redis://host?family=6&family=4',
    'redis://host?family=6&commandTimeout=9000',
    'redis://',
  ])('rejects REDIS_URL=%s', (REDIS_URL) => {
    expect(faultsOf({ DATABASE_URL, REDIS_URL })).toContain('REDIS_URL: got');
  });

  it.each([
    'postgres://u:50%off@host/db',
    `${DATABASE_URL}?sslmode=require&sslmode=disable`,
    `${DATABASE_URL}?statement_timeout=0`,
    'postgresql:///farmlokal',
  ])('rejects DATABASE_URL=%s', (url) => {
    expect(faultsOf({ DATABASE_URL: url })).toContain('DATABASE_URL: got');
  });

  it.each(['DATABASE_URL', 'MIGRATION_DATABASE_URL'])(
    'gives the reason why %s cannot be used, without the password',
    (name) => {
      const message = faultsOf({ DATABASE_URL, [name]: `${DATABASE_URL}?sslrootcert=/none.pem` });
      expect(message).toContain(
        `${name}: got a value (not shown), expected postgresql://user:password@host:port/database; sslrootcert names a file that cannot be read: /none.pem (ENOENT)`,
      );
      expect(message).not.toContain('hunter2');
    },
  );

  it('accepts exact origins only', () => {
    const { CORS_ORIGINS } = readEnvironment({
      DATABASE_URL,
      CORS_ORIGINS: 'https://a.example, http://localhost:5173',
    });
    expect(CORS_ORIGINS).toEqual(['https://a.example', 'http://localhost:5173']);
    for (const origins of ['*', 'https://a.example/', 'a.example', 'https://a.example,']) {
      expect(faultsOf({ DATABASE_URL, CORS_ORIGINS: origins })).toContain('CORS_ORIGINS: got');
    }
  });
});
