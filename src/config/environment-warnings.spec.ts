import { describe, expect, it } from '@jest/globals';

import { readEnvironment } from './environment.js';
import { environmentWarnings } from './environment-warnings.js';

const OAUTH = {
  OAUTH_TOKEN_URL: 'https://id.example/token',
  OAUTH_CLIENT_ID: 'farmlokal',
  OAUTH_CLIENT_SECRET: 'hunter2',
};

function warned(variables: Record<string, string>): string[] {
  return environmentWarnings(
    readEnvironment({ DATABASE_URL: 'postgresql://db.example/farmlokal', ...variables }),
  );
}

describe(environmentWarnings.name, () => {
  it('does not warn about the defaults', () => {
    expect(warned({})).toEqual([]);
  });

  it.each(['http://inventory.example', 'http://10.0.0.1:8080', 'http://localhost.example'])(
    'warns about %s',
    (url) => {
      expect(warned({ ...OAUTH, INVENTORY_API_URL: url })).toEqual([
        'INVENTORY_API_URL is plain http: anyone on the network path can read the token.',
      ]);
    },
  );

  it.each([
    'https://inventory.example',
    'http://localhost:1',
    'http://127.0.0.1',
    'http://[::1]:9',
  ])('does not warn about %s', (url) => {
    expect(warned({ ...OAUTH, INVENTORY_API_URL: url })).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['INVENTORY_API_URL has no effect', { INVENTORY_API_URL: 'https://a.example' }],
    ['CATALOG_API_URL has no effect', { CATALOG_API_URL: 'https://b.example' }],
    ['PUBLIC_URL', { ...OAUTH, CATALOG_API_URL: 'https://b.example' }],
    ['WEBHOOK_SECRETS', { ...OAUTH, CATALOG_API_URL: 'https://b.example' }],
    ['THROTLE_LIMIT is ignored', { THROTLE_LIMIT: '10' }],
    ['INVENTORY_DEADLINE_MS', { INVENTORY_TIMEOUT_MS: '5000', INVENTORY_DEADLINE_MS: '1000' }],
  ])('warns about %s for %j', (words, variables) => {
    expect(warned(variables).join('\n')).toContain(words);
  });
});
