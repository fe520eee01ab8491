import { describe, expect, it } from '@jest/globals';

import type { Environment } from '../config/environment.js';
import { clientKey, configuredClient } from './oauth-client.js';

const SETTINGS: Partial<Environment> = {
  OAUTH_TOKEN_URL: 'https://id.example/token',
  OAUTH_CLIENT_ID: 'farmlokal',
  OAUTH_CLIENT_SECRET: 'hunter2-secret',
  OAUTH_CLIENT_AUTH: 'basic',
};

function keyOf(changes: Partial<Environment>): string {
  return clientKey(configuredClient({ ...SETTINGS, ...changes } as Environment));
}

describe(configuredClient.name, () => {
  it.each(['OAUTH_TOKEN_URL', 'OAUTH_CLIENT_ID', 'OAUTH_CLIENT_SECRET'])(
    'returns undefined without %s',
    (variable) => {
      expect(
        configuredClient({ ...SETTINGS, [variable]: undefined } as Environment),
      ).toBeUndefined();
    },
  );
});

describe(clientKey.name, () => {
  it.each<Partial<Environment>>([
    { OAUTH_TOKEN_URL: 'https://other.example/token' },
    { OAUTH_CLIENT_ID: 'other' },
    { OAUTH_CLIENT_SECRET: 'other' },
    { OAUTH_CLIENT_AUTH: 'post' },
    { OAUTH_SCOPE: 'inventory:read' },
    { OAUTH_TOKEN_PARAMETERS: 'audience=stock' },
  ])('differs with %j', (changes) => {
    expect(keyOf(changes)).not.toBe(keyOf({}));
    expect(keyOf(changes)).toBe(keyOf(changes));
  });
});
