import autocannon, { type Result } from 'autocannon';
import { Agent } from 'node:http';

import type { Generated, GeneratedLoad, LoadGenerator } from './load-generator.js';
import { atRate } from './pace.js';
import { ask } from './page-request.js';
import { type Measured, summarise } from './summary.js';

const TIMEOUT_SECONDS = 10;

/** Sends from this process, at some cost. What has a rate is not left to autocannon, which would send it in bursts. */
export class NodeGenerator implements LoadGenerator {
  readonly name = 'autocannon';

  run(load: GeneratedLoad): Promise<Generated> {
    return load.rate === undefined ? sendAtOnce(load) : sendAtRate(load, load.rate);
  }
}

async function sendAtOnce(load: GeneratedLoad): Promise<Generated> {
  const { url, requests, connections, seconds } = load;
  const samples: Measured[] = [];
  let nth = 0;
  const next = (request: object) => {
    const sent = requests[nth++ % requests.length];
    // Headers of its own: autocannon adds a body's length to them.
    return { ...request, ...sent, headers: { ...sent?.headers } };
  };
  const result = await new Promise<Result>((resolve, reject) => {
    const sending = autocannon(
      {
        url,
        connections,
        duration: seconds,
        timeout: TIMEOUT_SECONDS,
        requests: [{ setupRequest: next }],
      },
      (error: Error | null, result) => {
        if (error === null) resolve(result);
        else reject(error);
      },
    );
    sending.on('response', (_client, _status, _bytes, latency) => samples.push({ latency }));
  });
  // Requests that were not answered in time are among its errors.
  const errors = result.errors + result['4xx'] + result['5xx'];
  return generated(samples, result.duration, errors);
}

/** From when a request was due, so that none is late. */
async function sendAtRate(load: GeneratedLoad, rate: number): Promise<Generated> {
  const { url, requests, connections, seconds } = load;
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  const started = performance.now();
  const samples = await atRate<Measured>(
    rate,
    (sent) => sent < rate * seconds,
    async (due, sent) => {
      const { path = '', ...request } = requests[sent % requests.length] ?? {};
      const fault = await ask(url + path, agent, request).then(
        ({ status }) => (status < 400 ? undefined : `status ${status}`),
        String,
      );
      return { latency: performance.now() - due, ...(fault && { fault }) };
    },
  );
  const duration = (performance.now() - started) / 1000;
  agent.destroy();
  return generated(samples, duration);
}

function generated(samples: readonly Measured[], duration: number, errors = 0): Generated {
  const summary = summarise(samples);
  return {
    ...summary,
    errors: summary.errors + errors,
    rate: Math.round(samples.length / duration),
    late: 0,
  };
}
