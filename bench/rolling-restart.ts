import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { bindPort } from '../dev/free-port.js';
import { ReadyReplicas } from '../test/support/ready-replicas.js';
import type { Call } from './call.js';
import { CallLoad } from './call-load.js';
import { Calls, mixing } from './calls.js';
import type { Catalogue } from './catalogue.js';
import { removeEvents } from './events.js';
import { Nginx } from './nginx.js';
import { faults, summarise, type Summary } from './summary.js';
import type { Replica, Testbed } from './testbed.js';

/** What came of replacing each of two replicas in turns, under load. */
export interface Restarts extends Summary {
  /** What each replica that was told to stop has ended with. */
  readonly exitCodes: readonly number[];
  /** Requests that nginx had to send to a second replica: the first did not answer. */
  readonly sentAgain: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface RollingRestart {
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds that a replica goes on answering. */
  readonly delay: number;
  /** nginx is told of a replica that is not ready any more, and of one that is. */
  readonly watched: Restarts;
  /** nginx is told of nothing. */
  readonly unwatched: Restarts;
}

const RATE = 500;
const ROUNDS_PER_SECOND = 1 / 6;
const DELAY_MS = 1500;
const WARM_UP_MS = 3000;
const BETWEEN_MS = 1000;
/** Beyond it requests wait for a connection, and the wait is part of their latency. */
const MOST_CONNECTIONS = 256;

/** Two replicas behind nginx, of which one after the other is replaced while requests come at a constant rate. */
export async function measureRollingRestart(
  testbed: Testbed,
  catalogue: Catalogue,
  seconds: number,
  say: (line: string) => void,
): Promise<RollingRestart> {
  const rounds = Math.ceil(seconds * ROUNDS_PER_SECOND);
  const calls = await Calls.of(catalogue);
  const next = mixing([
    [60, () => calls.cachedPage()],
    [10, () => calls.anyPage()],
    [25, () => calls.product()],
    [5, () => calls.newEvent()],
  ]);
  const measure = async (watched: boolean): Promise<Restarts> => {
    const nth = watched ? 'with' : 'without';
    say(`rolling-restart: ${rounds} restarts at ${RATE} requests/s, ${nth} a look at readiness`);
    return await restart(testbed, next, rounds, watched);
  };
  const measured = { watched: await measure(true), unwatched: await measure(false) };
  await removeEvents(testbed);
  return { rate: RATE, delay: DELAY_MS, ...measured };
}

async function restart(
  testbed: Testbed,
  next: () => Call,
  rounds: number,
  watched: boolean,
): Promise<Restarts> {
  const start = async (port: string): Promise<Replica> =>
    await testbed.startReplica({
      ...Calls.environment,
      SHUTDOWN_DELAY_MS: String(DELAY_MS),
      PORT: port,
    });
  const ports = [String(await bindPort(0)), String(await bindPort(0))];
  const replicas = await Promise.all(ports.map(start));
  const urls = replicas.map(({ url }) => url);
  const nginx = await Nginx.start(urls);
  const balancer = watched ? new ReadyReplicas((ready) => nginx.passTo(ready)) : undefined;
  if (balancer) await Promise.all(urls.map((url) => balancer.add(url)));

  // A connection for each request, as households come: one that was kept, nginx would close as it reads its
  // configuration again, and the next request on it with it.
  const agent = new Agent({ maxSockets: MOST_CONNECTIONS });
  const load = new CallLoad([nginx.url], RATE, next, agent);
  await sleep(WARM_UP_MS);
  const exitCodes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const nth = round % ports.length;
    const port = ports[nth] ?? '';
    exitCodes.push((await replicas[nth]?.stop()) ?? NaN);
    replicas[nth] = await start(port);
    await balancer?.add(replicas[nth].url);
    await sleep(BETWEEN_MS);
  }
  const outcomes = await load.stop();
  const sentAgain = nginx.passed().filter(({ statuses }) => statuses.length > 1).length;
  await balancer?.stop();
  await nginx.stop();
  await Promise.all(replicas.map((replica) => replica.stop()));
  return { ...summarise(outcomes), exitCodes, sentAgain, faults: faults(outcomes) };
}
