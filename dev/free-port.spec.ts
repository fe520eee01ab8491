import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:net';

import { onFreePort } from './free-port.js';

describe('onFreePort', () => {
  it('tries another port when this one has been taken in the meantime', async () => {
    const thief = createServer();
    const tried: number[] = [];
    const got = await onFreePort(async (port) => {
      tried.push(port);
      if (tried.length > 1) return port;
      thief.listen(port, '127.0.0.1');
      await once(thief, 'listening');
      throw new Error('address already in use');
    });
    thief.close();

    expect(tried).toHaveLength(2);
    expect(got).toBe(tried[1]);
    expect(got).not.toBe(tried[0]);
  });

  it('passes on a failure that has nothing to do with the port', async () => {
    let starts = 0;
    const start = () => {
      starts++;
      return Promise.reject(new Error('no such executable'));
    };

    await expect(onFreePort(start)).rejects.toThrow('no such executable');
    expect(starts).toBe(1);
  });
});
