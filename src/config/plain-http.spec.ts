import { describe, expect, it } from '@jest/globals';

import { readEnvironment } from './environment.js';
import { plainHttpVariables } from './plain-http.js';

function warned(url: string): string[] {
  const DATABASE_URL = 'postgresql://db.example/farmlokal';
  return plainHttpVariables(readEnvironment({ DATABASE_URL, INVENTORY_API_URL: url }));
}

describe(plainHttpVariables.name, () => {
  it.each(['http://inventory.example', 'http://10.0.0.1:8080', 'http://localhost.example'])(
    'names the variable that holds %s',
    (url) => {
      expect(warned(url)).toEqual(['INVENTORY_API_URL']);
    },
  );

  it.each([
    'https://inventory.example',
    'http://localhost:1',
    'http://127.0.0.1',
    'http://[::1]:9',
  ])('has nothing against %s', (url) => {
    expect(warned(url)).toEqual([]);
  });
});
