import { Catalogue } from './catalogue.js';
import { kindsOf } from './latency.js';
import type { Generated, LoadGenerator } from './load-generator.js';
import { residentMiB } from './memory.js';
import { CONNECTIONS, EVERYTHING_ON } from './speed-setting.js';
import { EMPTY_CACHES, loggingTo, type Replica, type Testbed } from './testbed.js';
import { acrossFilters, drawing, indexedFilters, type PageRow } from './workload.js';

/** More than are ever under way while a replica keeps up. */
const PACED_CONNECTIONS = 256;
const REQUESTS = 20_000;
/** Requests a second for what costs ten times as much as other pages. */
const ACROSS_RATE = 50;

/** The loads of one catalogue, none of whose pages a cache has. */
export class ScaleLoads {
  private reached = 0;

  private constructor(
    private readonly replica: Replica,
    private readonly generator: LoadGenerator,
    private readonly seconds: number,
    private readonly nextIndexed: () => PageRow,
    private readonly nextAcross: () => PageRow,
  ) {}

  static async of(
    testbed: Testbed,
    generator: LoadGenerator,
    seconds: number,
  ): Promise<ScaleLoads> {
    const catalogue = new Catalogue(testbed);
    const indexed = await kindsOf(catalogue, await indexedFilters(catalogue));
    const across = await kindsOf(catalogue, await acrossFilters(catalogue));
    const env = { ...EVERYTHING_ON, ...EMPTY_CACHES };
    const replica = await testbed.startReplica(env, loggingTo('bench-scale.log'));
    return new ScaleLoads(replica, generator, seconds, drawing(indexed), drawing(across));
  }

  async capacity(): Promise<Generated> {
    const generated = await this.send(this.nextIndexed, { connections: CONNECTIONS });
    this.reached = generated.rate;
    return generated;
  }

  async half(): Promise<Generated> {
    return await this.send(this.nextIndexed, {
      connections: PACED_CONNECTIONS,
      rate: this.reached / 2,
    });
  }

  async across(): Promise<Generated> {
    return await this.send(this.nextAcross, { connections: PACED_CONNECTIONS, rate: ACROSS_RATE });
  }

  /** @returns what the replica occupied in the end, MiB. */
  async stop(): Promise<number> {
    const memory = await residentMiB(this.replica.pid);
    await this.replica.stop();
    return memory;
  }

  private async send(
    next: () => PageRow,
    how: { readonly connections: number; readonly rate?: number },
  ): Promise<Generated> {
    const requests = Array.from({ length: REQUESTS }, next);
    return await this.generator.run({
      ...how,
      url: this.replica.url,
      seconds: this.seconds,
      requests,
    });
  }
}
