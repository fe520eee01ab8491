import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Redis } from 'ioredis';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { loopClock } from '../resilience/loop-clock.js';
import { ConditionLog } from '../logging/condition-log.js';
import { exponentialBackoff } from '../resilience/exponential-backoff.js';
import { addressOf, describeConnectError, describeError } from './connection-error.js';
import { RedisClient } from './redis-client.js';
import {
  describeRefusal,
  isHarmless,
  isReplyError,
  keyOf,
  type ReplyError,
} from './reply-error.js';
import { sendSample } from './sample-commands.js';

/** Default timeout of a command. A healthy Redis replies in well under a millisecond. */
export const REDIS_COMMAND_TIMEOUT_MS = 50;
/** Timeout of each of the two commands for a page. With the one for the rate limit, Redis costs a request at most 100 ms. */
export const REDIS_PAGE_TIMEOUT_MS = 25;
/** Timeout that ioredis applies to every command. Outside the handshake, commands have a shorter timeout of ours. */
const HANDSHAKE_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 2000;
/** Half of a delay is random, so that replicas do not reconnect together. */
const RECONNECT_BACKOFF = { minMs: 100, maxMs: 1500, jitter: 0.5 };
/** Minimum interval between reconnections after READONLY. */
const READONLY_RECONNECT_MS = 5000;
/** Probes without a reply before commands are suspended: one slow command is not an outage. */
const PROBES_TO_SUSPEND = 2;
/** Probes without a reply before the connection is replaced: TCP notices a dead connection only after minutes. */
const PROBES_TO_REPLACE = 4;
/** Delay before a probe while commands are suspended. */
const PROBE_INTERVAL_MS = 500;
/** The message of ioredis' own timeout errors. */
const TIMED_OUT = 'Command timed out';

export interface CommandOptions {
  /** Milliseconds on the {@link loopClock}. Default 50. */
  readonly timeoutMs?: number;
  /**
   * Also sends the command while Redis is slow or suspended, and waits for a connection in progress. Only rare and
   * expensive work needs it. Default false: the caller continues without Redis at once.
   */
  readonly patient?: boolean;
}

/**
 * The connection to Redis, which is optional at any time: a command gets its reply within its timeout or `undefined`.
 * Commands never queue, and lost connections are replaced in the background.
 */
@Injectable()
export class RedisConnection implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RedisConnection.name);
  private readonly outage = new ConditionLog(this.logger);
  private readonly redis: Redis | undefined;
  /** Resolves when the first connection, or the one after READONLY, is made or has failed. */
  private connecting: Promise<unknown> | undefined;
  /** Whether only probes and patient commands are sent. */
  private suspended = false;
  private probing: Promise<void> | undefined;
  private refusedKey: string | undefined;
  private reconnectedAt = -Infinity;
  private connected = false;

  private readonly latency: Histogram;
  private readonly failures: Counter<'reason'>;

  constructor({ REDIS_URL }: Environment, registry: Registry) {
    const registers = [registry];
    this.latency = new Histogram({
      name: 'farmlokal_redis_command_duration_seconds',
      help: 'Seconds until Redis replied. Commands sent together count as one.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
      registers,
    });
    this.failures = new Counter({
      name: 'farmlokal_redis_failures_total',
      help: 'Commands that timed out, were refused, or lost their connection, including those of the handshake.',
      labelNames: ['reason'],
      registers,
    });
    const up = new Gauge({
      name: 'farmlokal_redis_up',
      help: 'Whether Redis replies in time and accepts every command of the service: 1 or 0.',
      registers,
      collect: () => {
        up.set(this.connected && !this.outage.active ? 1 : 0);
      },
    });
    if (REDIS_URL !== undefined) {
      this.redis = new RedisClient(REDIS_URL, {
        lazyConnect: true,
        connectTimeout: CONNECT_TIMEOUT_MS,
        commandTimeout: HANDSHAKE_TIMEOUT_MS,
        enableOfflineQueue: false,
        // ioredis does not find its own version in a bundle.
        disableClientInfo: true,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) => exponentialBackoff(attempt, RECONNECT_BACKOFF),
        // After a failover the address leads to another server.
        reconnectOnError: ({ message }) => message.startsWith('READONLY') && this.startReconnect(),
      });
      this.watch(this.redis);
    }
  }

  /** Whether `REDIS_URL` is set. */
  get configured(): boolean {
    return this.redis !== undefined;
  }

  /** Whether a command would be sent now. */
  get available(): boolean {
    return this.redis?.status === 'ready' && !this.suspended;
  }

  /**
   * Sends a command, or several together.
   *
   * @returns the reply, or `undefined` when Redis is unavailable, refuses a command (OOM, NOPERM) or does not reply within the
   * timeout. A patient command also gets `undefined` when several probes have no reply: then the connection is replaced.
   * Never rejects.
   */
  async attempt<Reply>(
    command: (redis: Redis) => Promise<Reply>,
    { timeoutMs = REDIS_COMMAND_TIMEOUT_MS, patient = false }: CommandOptions = {},
  ): Promise<Reply | undefined> {
    const { redis } = this;
    if (redis === undefined) {
      return undefined;
    }
    if (patient) {
      await this.connecting;
    }
    if (!(patient ? redis.status === 'ready' : this.available)) {
      return undefined;
    }
    const cancelProbe = patient
      ? loopClock.after(REDIS_COMMAND_TIMEOUT_MS, () => void this.probe(redis))
      : undefined;
    try {
      return await this.send(redis, command, timeoutMs);
    } catch (error) {
      this.handleError(redis, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    } finally {
      cancelProbe?.();
    }
  }

  /** Waits for the first connection and probe, so that the first requests can use Redis. */
  async onApplicationBootstrap(): Promise<void> {
    const { redis } = this;
    if (redis === undefined) {
      this.logger.warn('REDIS_URL is not set: continuing without a shared cache.');
      return;
    }
    this.connecting = settle(redis.connect(), CONNECT_TIMEOUT_MS);
    await this.connecting;
    await settle(this.probing, PROBE_INTERVAL_MS);
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private watch(redis: Redis): void {
    redis.on('ready', () => {
      this.suspended = true;
      void this.probe(redis);
    });
    redis.on('error', (emitted: NodeJS.ErrnoException) => {
      const error = emitted.cause instanceof Error ? emitted.cause : emitted;
      if (isReplyError(error)) this.recordRefusal(error);
      else if (redis.status === 'ready') this.warn('connection', describeError(error));
      else this.warn('connection', describeConnectError(error, redis.options));
    });
  }

  private handleError(redis: Redis, error: Error): void {
    if (isReplyError(error)) {
      if (isHarmless(error)) {
        this.logger.debug(`Redis refuses a command: ${error.message}`);
        return;
      }
      this.recordRefusal(error);
      void this.probe(redis, PROBE_INTERVAL_MS);
      return;
    }
    const timedOut = error.message === TIMED_OUT;
    this.failures.inc({ reason: timedOut ? 'timeout' : 'connection' });
    if (!timedOut) this.suspend('connection', describeError(error));
    void this.probe(redis);
  }

  private async send<Reply>(
    redis: Redis,
    command: (redis: Redis) => Promise<Reply>,
    timeoutMs: number,
  ): Promise<Reply> {
    const sentAt = performance.now();
    const reply = await loopClock.limit(command(redis), timeoutMs, () => new Error(TIMED_OUT));
    this.latency.observe((performance.now() - sentAt) / 1000);
    return reply;
  }

  /** Sends probes until one succeeds or the connection is lost. Joins the probes in progress. */
  private probe(redis: Redis, delayMs = 0): Promise<void> {
    this.probing ??= this.sendProbes(redis, delayMs).then((succeeded) => {
      this.probing = undefined;
      if (succeeded) this.resume();
    });
    return this.probing;
  }

  /** Returns false when the connection is lost before a probe succeeds. */
  private async sendProbes(redis: Redis, delayMs: number): Promise<boolean> {
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    for (let unanswered = 0; redis.status === 'ready';) {
      const error = await this.send(
        redis,
        () => sendSample(redis, this.refusedKey),
        REDIS_COMMAND_TIMEOUT_MS,
      ).then(
        () => undefined,
        (caught: unknown) => caught as Error,
      );
      if (error === undefined) return true;
      if (isReplyError(error)) {
        unanswered = 0;
        this.recordRefusal(error);
      } else if (error.message === TIMED_OUT) {
        unanswered += 1;
        if (unanswered >= PROBES_TO_REPLACE) {
          redis.disconnect(true);
          return false;
        }
        if (unanswered >= PROBES_TO_SUSPEND) this.suspend('connection', TIMED_OUT);
      } else {
        return false;
      }
      if (this.suspended) await sleep(PROBE_INTERVAL_MS, undefined, { ref: false });
    }
    return false;
  }

  private recordRefusal(error: ReplyError): void {
    this.failures.inc({ reason: 'refused' });
    this.refusedKey = keyOf(error) ?? this.refusedKey;
    const { reason, message } = describeRefusal(error);
    this.suspend(reason, message);
  }

  private suspend(reason: string, message: string): void {
    this.suspended = true;
    this.warn(reason, message);
  }

  private resume(): void {
    this.suspended = false;
    this.refusedKey = undefined;
    if (!this.connected && !this.outage.active) {
      this.logger.log('Redis is connected.');
    }
    this.connected = true;
    this.outage.clear('Redis answers again.');
  }

  private warn(reason: string, message: string): void {
    const address = addressOf(this.redis?.options ?? {});
    this.outage.warn(`Continuing without Redis at ${address}: ${message}`, reason);
  }

  /** Returns whether ioredis should reconnect. */
  private startReconnect(): boolean {
    const { redis } = this;
    const now = performance.now();
    if (redis === undefined || now - this.reconnectedAt < READONLY_RECONNECT_MS) {
      return false;
    }
    this.reconnectedAt = now;
    this.connecting = settle(once(redis, 'ready'), CONNECT_TIMEOUT_MS);
    return true;
  }
}

/** Waits until a promise settles, at most so many milliseconds. */
async function settle(promise: Promise<unknown> | undefined, timeoutMs: number): Promise<void> {
  if (promise !== undefined) {
    const timedOut = (): Error => new Error(TIMED_OUT);
    await loopClock.limit(promise, timeoutMs, timedOut).catch(() => undefined);
  }
}
