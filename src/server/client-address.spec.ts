import { describe, expect, it } from '@jest/globals';

import { ClientAddresses } from './client-address.js';

const PROXIES = ['127.0.0.1', '10.0.0.0/8', '192.168.7.9/16', 'fd00::/8', '::1/128', 'fe80::/10'];
const CLIENT = '198.18.0.7';

const addresses = new ClientAddresses(PROXIES);

describe(ClientAddresses.name, () => {
  it.each<[peer: string, forwardedFor: string, client: string]>([
    ['10.0.0.1', CLIENT, CLIENT],
    ['10.0.0.1', `${CLIENT}, 10.1.2.3`, CLIENT],
    ['10.0.0.1', `203.0.113.9, ${CLIENT}`, CLIENT],
    ['10.0.0.1', `203.0.113.9, ${CLIENT}, 192.168.0.1, 10.1.2.3`, CLIENT],
    ['10.0.0.1', '10.9.9.9, 10.8.8.8', '10.9.9.9'],
    ['10.0.0.1', '', '10.0.0.1'],
    // Connections that are not from a proxy
    [CLIENT, '203.0.113.9', CLIENT],
    ['2001:db8::1', '203.0.113.9', '2001:db8::1'],
    ['::ffff:198.18.0.7', '203.0.113.9', CLIENT],
    // Ports
    ['10.0.0.1', `${CLIENT}:49152`, CLIENT],
    ['10.0.0.1', `${CLIENT}, 10.1.2.3:443`, CLIENT],
    ['10.0.0.1', `203.0.113.9:1, ${CLIENT}:2, 10.1.2.3:3, 192.168.0.1:65535`, CLIENT],
    ['10.0.0.1', `203.0.113.9, [2001:db8::7]:443, [fd00::1]:8080`, '2001:db8::7'],
    // Brackets
    ['10.0.0.1', '[2001:db8::7]', '2001:db8::7'],
    ['10.0.0.1', '[2001:db8::7]:443', '2001:db8::7'],
    ['10.0.0.1', `${CLIENT}, [fd00::1]`, CLIENT],
    ['10.0.0.1', `[${CLIENT}]:80, [10.1.2.3]`, CLIENT],
    ['::1', `[::ffff:${CLIENT}]:80, [::1]:80`, CLIENT],
    // IPv6 without brackets
    ['10.0.0.1', '2001:db8::7', '2001:db8::7'],
    ['10.0.0.1', '2001:db8::7:443', '2001:db8::7:443'],
    ['10.0.0.1', '2001:db8:1:2:3:4:5:6:443', '2001:db8:1:2:3:4:5:6'],
    ['fd12::1', `${CLIENT}, fd00::1`, CLIENT],
    // White space and empty elements
    ['10.0.0.1', `  ${CLIENT}\t`, CLIENT],
    ['10.0.0.1', `203.0.113.9,${CLIENT}\t,\t10.1.2.3:80 ,10.1.2.4`, CLIENT],
    ['10.0.0.1', `${CLIENT}, , 10.1.2.3,,`, CLIENT],
    ['10.0.0.1', ' ,', '10.0.0.1'],
    // Other forms of the same address
    ['::ffff:10.0.0.1', `::ffff:${CLIENT}`, CLIENT],
    ['::ffff:a00:1', `0:0:0:0:0:ffff:c612:7, ::FFFF:10.1.2.3`, CLIENT],
    ['10.0.0.1', '2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['fe80::1%eth0', CLIENT, CLIENT],
    ['10.0.0.1', 'fe80::1%eth0', 'fe80::1'],
    ['10.0.0.1', `${CLIENT}, [fe80::1%25eth0]:80`, CLIENT],
    // No addresses
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', `${CLIENT}, unknown, 10.1.2.3`, '10.1.2.3'],
    ['10.0.0.1', `unknown, ${CLIENT}`, CLIENT],
    ['10.0.0.1', `${CLIENT}:`, '10.0.0.1'],
    ['10.0.0.1', `${CLIENT}:http`, '10.0.0.1'],
    ['10.0.0.1', `${CLIENT}:123456`, '10.0.0.1'],
    ['10.0.0.1', `[${CLIENT}`, '10.0.0.1'],
    ['10.0.0.1', `${CLIENT}]`, '10.0.0.1'],
    ['10.0.0.1', '[]:80', '10.0.0.1'],
    ['10.0.0.1', '198.18.0.007', '10.0.0.1'],
    ['10.0.0.1', '198.18.7', '10.0.0.1'],
    ['10.0.0.1', `for=${CLIENT}`, '10.0.0.1'],
    ['10.0.0.1', 'x'.repeat(15_000), '10.0.0.1'],
    ['10.0.0.1', `${'['.repeat(7000)}${']'.repeat(7000)}`, '10.0.0.1'],
  ])(
    'finds, for the peer %s and X-Forwarded-For %j, the client %s',
    (peer, forwardedFor, client) => {
      expect(addresses.of(peer, forwardedFor)).toBe(client);
      // Again, from the cache.
      expect(addresses.of(peer, forwardedFor)).toBe(client);
    },
  );

  it('reads a bounded number of elements', () => {
    const chain = Array.from({ length: 2000 }, (_, nth) => `10.0.${nth >> 8}.${nth & 255}`);
    expect(addresses.of('10.0.0.1', chain.join(','))).toBe(chain.at(-32));
  });

  it('trusts only the proxies that it is given', () => {
    expect(new ClientAddresses().of('127.0.0.1', CLIENT)).toBe('127.0.0.1');
    expect(new ClientAddresses(['::ffff:10.0.0.0/104']).of('10.0.0.1', CLIENT)).toBe(CLIENT);
  });

  it('finds no client after the connection is closed', () => {
    expect(addresses.of(undefined, CLIENT)).toBeUndefined();
  });
});
