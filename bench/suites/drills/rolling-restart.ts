import { setTimeout as sleep } from 'node:timers/promises';

import { bindPort } from '../../../dev/free-port.js';
import { ReadyReplicas } from '../../../test/support/ready-replicas.js';
import { Load } from '../../load/load.js';
import { never, type Findings } from '../../report/report.js';
import { latencyCells, LATENCY_HEAD, thousands } from '../../report/report.js';
import { faultsOf, latencyOf, totalOf } from '../../statistics.js';
import type { Bench } from '../../suite.js';
import { removeEvents } from '../../webhook-events.js';
import { startNginx } from './nginx.js';
import { Traffic } from './traffic.js';

const RATE = 500;
const RESTARTS_PER_SECOND = 1 / 6;
const SHUTDOWN_DELAY_MS = 1500;
const WARM_UP_MS = 3000;
const BETWEEN_MS = 1000;

/** Two replicas behind nginx, restarted one after the other under load. */
export async function drillRollingRestart(bench: Bench): Promise<Findings> {
  const { testbed, catalog, seconds, log } = bench;
  const restarts = Math.ceil(seconds * RESTARTS_PER_SECOND);
  log(`rolling-restart: ${restarts} restarts at ${RATE} requests/s`);
  const traffic = await Traffic.of(catalog);
  const mix = traffic.mix({ 'cached page': 60, 'any page': 10, product: 25, 'new webhook': 5 });
  const env = { ...Traffic.environment, SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS) };
  const start = (port: number) => testbed.startReplica({ ...env, PORT: String(port) });
  const ports = [await bindPort(0), await bindPort(0)];
  const replicas = await Promise.all(ports.map(start));
  const urls = replicas.map(({ url }) => url);
  const nginx = await startNginx(urls);
  const readiness = new ReadyReplicas((ready) => nginx.reload(ready));
  await Promise.all(urls.map((url) => readiness.add(url)));

  // One connection for each request, as from many clients: a reload of nginx closes idle ones.
  const next = () => {
    const request = mix();
    return { ...request, headers: { ...request.headers, connection: 'close' } };
  };
  const load = new Load({ url: nginx.url, rate: RATE, next });
  await sleep(WARM_UP_MS);
  const exitCodes: number[] = [];
  for (let nth = 0; nth < restarts; nth += 1) {
    const index = nth % ports.length;
    exitCodes.push((await replicas[index]?.stop()) ?? NaN);
    replicas[index] = await start(ports[index] ?? 0);
    await readiness.add(replicas[index].url);
    await sleep(BETWEEN_MS);
  }
  const outcomes = await load.stop();
  await readiness.stop();
  await nginx.stop();
  await testbed.stopReplicas();
  await removeEvents(testbed);

  const faults = faultsOf(outcomes);
  const errors = totalOf(faults);
  const failures = exitCodes.filter((code) => code !== 0);
  const cells = [restarts, thousands(outcomes.length), errors];
  return {
    goals: [
      never('failed requests in a rolling restart', errors),
      never('replicas with an exit code other than 0', failures.length),
    ],
    sections: [
      {
        title: `Rolling restart, ${RATE} requests/s`,
        text: `Two replicas behind nginx: 70 % pages, 25 % products, 5 % webhooks, one connection for each request. One replica after the other gets SIGTERM (\`SHUTDOWN_DELAY_MS\` ${SHUTDOWN_DELAY_MS}), ends and starts again. nginx sends requests to the replicas whose \`/health/ready\` returns 200, and never repeats a request.`,
        head: `restarts | requests | errors | ${LATENCY_HEAD}`,
        rows: [[...cells, ...latencyCells(latencyOf(outcomes))]],
        faults,
      },
    ],
  };
}
