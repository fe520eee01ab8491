import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

import type { TokenProvider } from '../auth/token-provider.js';
import type { Environment } from '../config/environment.js';
import { Subscription } from './subscription.js';

let catalogApi: Server | undefined;

afterEach(() => {
  catalogApi?.close();
  jest.restoreAllMocks();
});

describe(Subscription.name, () => {
  it.each([
    ['HTTP/9.9 200 OK\r\n\r\n', 'the response is not valid HTTP (Invalid HTTP version)'],
    ['+OK ready\r\n', 'the response is not valid HTTP (Expected HTTP/, RTSP/ or ICE/)'],
    ['', 'the connection was closed (UND_ERR_SOCKET)'],
  ])('logs the cause when the catalog API sends %j', async (bytes, cause) => {
    catalogApi = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    }).listen(0, '127.0.0.1');
    await once(catalogApi, 'listening');
    const logged = new Promise((resolve) => {
      jest.spyOn(Logger.prototype, 'warn').mockImplementation(resolve);
    });
    const subscription = new Subscription(
      {
        CATALOG_API_URL: `http://127.0.0.1:${(catalogApi.address() as AddressInfo).port}`,
        PUBLIC_URL: 'https://farmlokal.example',
      } as Environment,
      { getToken: () => Promise.resolve('token') } as TokenProvider,
    );
    subscription.onApplicationBootstrap();
    expect(await logged).toContain(cause);
    subscription.onApplicationShutdown();
  });
});
