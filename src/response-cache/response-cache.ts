import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { Database } from '../database/database.js';
import { isUnavailable, overloaded } from '../problems/problem.js';
import { AdmissionControl, MAX_WAIT_MS } from '../resilience/admission-control.js';
import { loopClock } from '../resilience/loop-clock.js';
import { type CacheResult, cacheResult } from './cache-result.js';
import { CacheVersion } from './cache-version.js';
import { Freshness } from './freshness.js';
import { MemoryResponseStore } from './memory-response-store.js';
import { type ReadResponse, ResponseLoader, type ResponseRequest } from './response-loader.js';

/** A read in progress. Every request for the same key and version joins it. */
interface InFlightRead {
  readonly result: Promise<CacheResult>;
  /** Resolves when an older response is better than further waiting. It starts with the read, not with the request. */
  readonly softTimeout: Promise<undefined>;
}

/**
 * Responses by key: in memory, else in Redis, else from the database. {@link Freshness} decides how long they are served.
 * Concurrent requests of a process share one read.
 */
@Injectable()
export class ResponseCache {
  private readonly reads = new Map<string, InFlightRead>();
  private readonly admission: AdmissionControl;
  private readonly requests: Counter<'layer' | 'result'>;

  constructor(
    private readonly memory: MemoryResponseStore,
    private readonly loader: ResponseLoader,
    private readonly version: CacheVersion,
    private readonly freshness: Freshness,
    private readonly database: Database,
    environment: Environment,
    registry: Registry,
  ) {
    this.admission = new AdmissionControl(environment.DATABASE_POOL_MAX);
    this.requests = new Counter({
      name: 'farmlokal_page_cache_requests_total',
      help: 'Responses served through the cache, by the layer that had them and by cache status.',
      labelNames: ['layer', 'result'],
      registers: [registry],
    });
  }

  /**
   * Returns the cached response of a key, or else the one that `read` returns. Returns a promise only if it has to wait.
   *
   * @throws Problem `overloaded` when too many reads wait and no older response is cached.
   * @throws the error of `read`, when no older response may replace the error.
   */
  get(key: string, read: ReadResponse): CacheResult | Promise<CacheResult> {
    const startedAt = loopClock.now();
    const current = this.version.current();
    return typeof current === 'string'
      ? this.find({ key, version: current, read, startedAt })
      : current.then((version) => this.find({ key, version, read, startedAt }));
  }

  private find(request: ResponseRequest): CacheResult | Promise<CacheResult> {
    const { key, version } = request;
    const cached = this.memory.get(key);
    const freshness = cached && this.freshness.of(cached, version);
    if (cached && freshness === 'fresh') {
      return this.count(cacheResult(cached, 'HIT', 'memory'));
    }
    const inFlight = this.reads.get(readKey(request));
    if (inFlight === undefined && this.isOverloaded()) {
      if (cached === undefined || !this.freshness.isServableOnError(cached)) {
        throw overloaded('The service has too many requests right now.');
      }
      return this.count(cacheResult(cached, 'STALE', 'memory'));
    }
    const read = inFlight ?? this.startRead(request);
    if (cached && freshness === 'stale') {
      return this.count(cacheResult(cached, 'STALE', 'memory'));
    }
    return this.awaitOrServeStale(read, key).then((result) => this.count(result));
  }

  /** An unresponsive database does not count as overload: the read reports the outage. */
  private isOverloaded(): boolean {
    return this.admission.shouldReject(this.database.isAnswering ? MAX_WAIT_MS : Infinity);
  }

  private startRead(request: ResponseRequest): InFlightRead {
    let cancel = (): void => undefined;
    const softTimeout = new Promise<undefined>((resolve) => {
      cancel = loopClock.after(this.loader.softTimeoutMs, () => {
        resolve(undefined);
      });
    });
    const result = this.admission
      .track(() => this.loader.load(request))
      // After `track`, because admission control must not measure how long an outage takes.
      .catch((error: unknown) => this.serveOnError(request.key, error))
      .finally(() => {
        this.reads.delete(readKey(request));
        cancel();
      });
    // A background read can fail without a caller that handles the rejection.
    result.catch(() => undefined);
    const read = { result, softTimeout };
    this.reads.set(readKey(request), read);
    return read;
  }

  private async awaitOrServeStale(
    { result, softTimeout }: InFlightRead,
    key: string,
  ): Promise<CacheResult> {
    const inTime = await Promise.race([result, softTimeout]);
    if (inTime !== undefined) {
      return inTime;
    }
    const cached = this.memory.peek(key);
    return cached !== undefined && this.freshness.isServableOnError(cached)
      ? cacheResult(cached, 'STALE', 'memory')
      : result;
  }

  private serveOnError(key: string, error: unknown): CacheResult {
    const cached = this.memory.peek(key);
    if (
      cached === undefined ||
      !this.freshness.isServableOnError(cached) ||
      !isUnavailable(error)
    ) {
      throw error;
    }
    return cacheResult(cached, 'STALE', 'memory');
  }

  private count(result: CacheResult): CacheResult {
    this.requests.inc({ layer: result.layer, result: result.cache.toLowerCase() });
    return result;
  }
}

/** The version keeps a request from joining a read that began before an invalidation. */
function readKey({ key, version }: ResponseRequest): string {
  return `${version} ${key}`;
}
