// The built service's token provider, controlled over HTTP:
// POST /restart?VARIABLE=…   replaces it with a new one without a token; the variables change its environment
// POST /call?at&count&forMs  requests `count` tokens at the time `at`, and then one every few milliseconds
// POST /invalidate?token     invalidates a token, as a caller does after a 401
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { URL } from 'node:url';
import { Registry } from 'prom-client';

import { createApp } from '../../dist/server/create-app.js';
import { TokenProvider } from '../../dist/auth/token-provider.js';
import { readEnvironment } from '../../dist/config/environment.js';
import { RedisConnection } from '../../dist/redis/redis-connection.js';
import { RedisLock } from '../../dist/redis/redis-lock.js';

const EVERY_MS = 5;

const app = await createApp();
let tokens = app.get(TokenProvider, { strict: false });

/** @type {Record<string, (query: URLSearchParams) => Promise<unknown>>} */
const ACTIONS = {
  '/health/live': async () => ({}),
  '/restart': async (query) => {
    tokens.onApplicationShutdown();
    tokens = new TokenProvider(
      readEnvironment({ ...process.env, ...Object.fromEntries(query) }),
      app.get(RedisConnection),
      app.get(RedisLock),
      new Registry(),
    );
    return {};
  },
  '/call': async (query) => {
    await sleep(Math.max(0, Number(query.get('at')) - Date.now()));
    const calls = Array.from({ length: Number(query.get('count') ?? 1) }, () => call());
    const outcomes = await Promise.all(calls);
    const until = performance.now() + Number(query.get('forMs') ?? 0);
    const later = [];
    while (performance.now() < until) {
      later.push(call());
      await sleep(EVERY_MS);
    }
    return { cold: summarise(outcomes), later: summarise(await Promise.all(later)) };
  },
  '/invalidate': async (query) => {
    await tokens.invalidate(query.get('token') ?? '');
    return {};
  },
};

async function call() {
  const began = performance.now();
  const outcome = await tokens.getToken().then(
    (token) => ({ token }),
    (error) => ({ fault: `${error.slug} ${error.headers?.['Retry-After']}` }),
  );
  return { ...outcome, ms: performance.now() - began };
}

/** @param {{ token?: string, fault?: string, ms: number }[]} outcomes */
function summarise(outcomes) {
  const distinct = (key) => [...new Set(outcomes.map((outcome) => outcome[key]))].filter(Boolean);
  return {
    calls: outcomes.length,
    tokens: distinct('token'),
    faults: distinct('fault'),
    slowestMs: Math.max(0, ...outcomes.map(({ ms }) => ms)),
  };
}

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  void ACTIONS[pathname]?.(searchParams).then((answer) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(answer));
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
