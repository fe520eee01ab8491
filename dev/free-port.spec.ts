import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:net';

import { onFreePort } from './free-port.js';

describe(onFreePort.name, () => {
  it('tries another port when another process has bound the first one', async () => {
    const other = createServer();
    const tried: number[] = [];
    const result = await onFreePort(async (port) => {
      tried.push(port);
      if (tried.length > 1) return port;
      other.listen(port, '127.0.0.1');
      await once(other, 'listening');
      throw new Error('address already in use');
    });
    other.close();

    expect(tried).toHaveLength(2);
    expect(result).toBe(tried[1]);
    expect(result).not.toBe(tried[0]);
  });

  it('does not retry an error that has another cause', async () => {
    let starts = 0;
    const start = () => {
      starts++;
      return Promise.reject(new Error('no such executable'));
    };

    await expect(onFreePort(start)).rejects.toThrow('no such executable');
    expect(starts).toBe(1);
  });
});
