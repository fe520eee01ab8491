import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { loopClock } from '../resilience/loop-clock.js';
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

/** How long a command may take. A healthy Redis answers in well under a millisecond. */
const REDIS_COMMAND_TIMEOUT_MS = 50;
/** The same for a page, which sends two commands one after the other besides the one that counts its request. */
export const REDIS_PAGE_TIMEOUT_MS = 25;
/** ioredis' own timeout, for the replies of its handshake. Ours are shorter. */
const HANDSHAKE_TIMEOUT_MS = 5000;
/** Probes without a reply in time after which nothing else is sent: one slow command is not an outage. */
const PROBES_TO_SUSPEND = 2;
/** Probes without a reply in time after which the connection is replaced: nothing else notices a dead one for minutes. */
const PROBES_TO_REPLACE = 4;
/** Pause before a probe once Redis is suspended. */
const PROBE_INTERVAL_MS = 500;
const READONLY_RECONNECT_MS = 5000;
/** ioredis uses the same words. */
const TIMED_OUT = 'Command timed out';
const CONNECT_TIMEOUT_MS = 2000;
/** How long a start waits for the first connection. */
const START_TIMEOUT_MS = 500;
const RECONNECT_MAX_MS = 1000;

/** How a command is sent. */
export interface CommandOptions {
  /** Milliseconds on the {@link loopClock}. Default 50. */
  readonly timeoutMs?: number;
  /**
   * Waits for a Redis that is slow or suspended, for work that is rare and expensive. Default false: such a Redis is
   * left alone, and the caller goes on without it.
   */
  readonly patient?: boolean;
}

/**
 * The connection to Redis, which is optional at every moment: a command is answered in time or not at
 * all, nothing queues while it is away, and it comes back by itself.
 */
@Injectable()
export class RedisConnection implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RedisConnection.name);
  private readonly redis: Redis | undefined;
  /** Whether Redis is left alone until a probe succeeds. */
  private suspended = false;
  private probing: Promise<void> | undefined;
  private refusedKey: string | undefined;
  private reconnectedAt = -Infinity;
  /** Whether Redis works; undefined before the first probe or failure. */
  private answering: boolean | undefined;
  /** What was logged about the current outage. */
  private readonly logged = new Set<string>();

  private readonly latency: Histogram;
  private readonly failures: Counter<'reason'>;

  constructor({ REDIS_URL }: Environment, registry: Registry) {
    const registers = [registry];
    this.latency = new Histogram({
      name: 'farmlokal_redis_command_duration_seconds',
      help: 'How long Redis took for what it has answered, several commands at once counted as one.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
      registers,
    });
    this.failures = new Counter({
      name: 'farmlokal_redis_failures_total',
      help: 'Commands that Redis did not answer in time or refused, also during the handshake, or whose connection failed.',
      labelNames: ['reason'],
      registers,
    });
    const up = new Gauge({
      name: 'farmlokal_redis_up',
      help: 'Whether Redis answers in time and accepts every command of the service.',
      registers,
      collect: () => {
        up.set(this.answering === true ? 1 : 0);
      },
    });
    if (REDIS_URL !== undefined) {
      this.redis = new RedisClient(REDIS_URL, {
        lazyConnect: true,
        connectTimeout: CONNECT_TIMEOUT_MS,
        commandTimeout: HANDSHAKE_TIMEOUT_MS,
        enableOfflineQueue: false,
        // Of itself, whose version it does not find in a bundle; the name of the client is nobody's need.
        disableClientInfo: true,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) =>
          Math.min(50 * attempt, RECONNECT_MAX_MS) * (0.5 + Math.random()),
        // A replica promoted elsewhere: the address now leads to another server.
        reconnectOnError: (error) => error.message.startsWith('READONLY') && this.mayReconnect(),
      });
      this.watch(this.redis);
    }
  }

  /** Whether there is to be a Redis at all. */
  get configured(): boolean {
    return this.redis !== undefined;
  }

  /** Whether a command has a fair chance right now. */
  get available(): boolean {
    return this.redis?.status === 'ready' && !this.suspended;
  }

  /**
   * Runs a command, or several at once.
   *
   * @returns the reply, or `undefined` when Redis is away, refuses (OOM, NOPERM) or takes longer. It never
   * rejects. A patient command does not count as slow before its `timeoutMs`: until then it gets `undefined` only when
   * Redis refuses it, or when there is no connection: not yet, refused, closed, or replaced after several probes without
   * a reply.
   */
  async attempt<Answer>(
    command: (redis: Redis) => Promise<Answer>,
    { timeoutMs = REDIS_COMMAND_TIMEOUT_MS, patient = false }: CommandOptions = {},
  ): Promise<Answer | undefined> {
    const { redis } = this;
    if (redis === undefined || !(patient ? redis.status === 'ready' : this.available)) {
      return undefined;
    }
    const cancelProbe = patient
      ? loopClock.after(REDIS_COMMAND_TIMEOUT_MS, () => void this.probe(redis))
      : undefined;
    try {
      return await this.send(redis, command, timeoutMs);
    } catch (error) {
      this.fail(redis, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    } finally {
      cancelProbe?.();
    }
  }

  /** Waits for a moment until Redis is connected, so that no request has to. */
  async onApplicationBootstrap(): Promise<void> {
    const { redis } = this;
    if (redis === undefined) {
      this.logger.warn('No REDIS_URL: going on without a shared cache.');
      return;
    }
    // A first connection that fails is tried again by itself, like any later one.
    const connected = redis.connect().then(() => this.probe(redis));
    await loopClock
      .limit(connected, START_TIMEOUT_MS, () => new Error(TIMED_OUT))
      .catch(() => undefined);
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
      if (isReplyError(error)) this.refuse(error);
      else if (redis.status === 'ready') this.warn('connection', describeError(error));
      else this.warn('connection', describeConnectError(error, redis.options));
    });
  }

  private fail(redis: Redis, error: Error): void {
    if (isReplyError(error)) {
      if (isHarmless(error)) {
        this.logger.debug(`Redis refuses a command: ${error.message}`);
        return;
      }
      this.refuse(error);
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

  /** Sends probes, and uses Redis again after one that succeeds. */
  private probe(redis: Redis, delayMs = 0): Promise<void> {
    this.probing ??= this.sendProbes(redis, delayMs).then((succeeded) => {
      this.probing = undefined;
      if (succeeded) this.resume();
    });
    return this.probing;
  }

  /** Sends probes until one succeeds in time; false when the connection is gone before. */
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
        this.refuse(error);
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

  private refuse(error: ReplyError): void {
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
    if (this.answering !== true) {
      this.logger.log(
        this.answering === undefined ? 'Redis is connected.' : 'Redis answers again.',
      );
    }
    this.answering = true;
    this.logged.clear();
  }

  /** Once for each reason in an outage, not for each command. */
  private warn(reason: string, message: string): void {
    this.answering = false;
    if (!this.logged.has(reason)) {
      this.logged.add(reason);
      const address = addressOf(this.redis?.options ?? {});
      this.logger.warn(`Going on without Redis at ${address}: ${message}`);
    }
  }

  private mayReconnect(): boolean {
    const now = performance.now();
    if (now - this.reconnectedAt < READONLY_RECONNECT_MS) {
      return false;
    }
    this.reconnectedAt = now;
    return true;
  }
}
