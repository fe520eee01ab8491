import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';
import { loopClock } from '../time/loop-clock.js';

/** How long a command may take. A healthy Redis answers in well under a millisecond. */
const REDIS_COMMAND_TIMEOUT_MS = 50;
/** The same for a page, which sends two commands one after the other besides the one that counts its request. */
export const REDIS_PAGE_TIMEOUT_MS = 25;
/** ioredis' own timeout, for the replies of its handshake. Ours are shorter. */
const HANDSHAKE_TIMEOUT_MS = 5000;
/** After a refusal, how long nothing is sent. */
const SUSPENSION_MS = 500;
/** Probes without a reply in time after which nothing else is sent: one slow command is not an outage. */
const PROBES_TO_SUSPEND = 2;
/** Probes without a reply in time after which the connection is replaced: nothing else notices a dead one for minutes. */
const PROBES_TO_REPLACE = 4;
/** Pause between two probes once Redis is suspended. */
const PROBE_INTERVAL_MS = 500;
const READONLY_RECONNECT_MS = 5000;
/** ioredis uses the same words. */
const TIMED_OUT = 'Command timed out';
/** Replies that tell of the state of Redis; others are about one key or one command. */
const REFUSALS =
  /^(OOM|READONLY|LOADING|BUSY|MISCONF|NOREPLICAS|NOAUTH|NOPERM|MASTERDOWN|CLUSTERDOWN) /;
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
  /** In the time of `performance.now()`; Infinity until a probe is answered. */
  private suspendedUntil = -Infinity;
  private probing = false;
  private reconnectedAt = -Infinity;
  /** Whether the last that was heard of Redis is good; undefined before anything is. */
  private answering: boolean | undefined;

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
      help: 'Commands that Redis has not answered in time, has refused, or that met with a broken connection.',
      labelNames: ['reason'],
      registers,
    });
    const up = new Gauge({
      name: 'farmlokal_redis_up',
      help: 'Whether Redis has answered when it was last heard of.',
      registers,
      collect: () => {
        up.set(this.answering === true ? 1 : 0);
      },
    });
    if (REDIS_URL !== undefined) {
      this.redis = new Redis(REDIS_URL, {
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
    return this.redis?.status === 'ready' && performance.now() >= this.suspendedUntil;
  }

  /**
   * Runs a command, or several at once.
   *
   * @returns the reply, or `undefined` when Redis is away, refuses (OOM, READONLY) or takes longer. It never
   * rejects. A patient command gets `undefined` only when the connection is gone: refused, closed, or replaced after
   * several probes without a reply.
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
    if (this.redis === undefined) {
      this.logger.warn('No REDIS_URL: going on without a shared cache.');
      return;
    }
    // A first connection that fails is tried again by itself, like any later one.
    await loopClock
      .limit(this.redis.connect(), START_TIMEOUT_MS, () => new Error(TIMED_OUT))
      .catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private watch(redis: Redis): void {
    redis.on('ready', () => {
      this.suspendedUntil = -Infinity;
      if (this.answering === undefined) {
        this.report(true, 'Redis is connected.');
      }
    });
    redis.on('error', (error: NodeJS.ErrnoException) => {
      this.report(false, `Going on without Redis: ${error.code ?? error.message}`);
    });
  }

  private fail(redis: Redis, { name, message }: Error): void {
    if (name === 'ReplyError' && !REFUSALS.test(message)) {
      this.logger.debug(`Redis refuses a command: ${message}`);
      return;
    }
    this.failures.inc({
      reason: name === 'ReplyError' ? 'refused' : message === TIMED_OUT ? 'timeout' : 'connection',
    });
    if (name !== 'ReplyError' && message === TIMED_OUT) {
      void this.probe(redis);
    } else {
      this.suspend(performance.now() + SUSPENSION_MS, message);
    }
  }

  private async send<Reply>(
    redis: Redis,
    command: (redis: Redis) => Promise<Reply>,
    timeoutMs: number,
  ): Promise<Reply> {
    const sentAt = performance.now();
    gatherWrites(redis);
    const reply = await loopClock.limit(command(redis), timeoutMs, () => new Error(TIMED_OUT));
    this.latency.observe((performance.now() - sentAt) / 1000);
    if (this.suspendedUntil === Infinity) this.suspendedUntil = -Infinity;
    this.report(true, 'Redis answers again.');
    return reply;
  }

  /** Sends PING until one is answered in time. */
  private async probe(redis: Redis): Promise<void> {
    if (this.probing) return;
    this.probing = true;
    for (let unanswered = 0; redis.status === 'ready';) {
      const error = await this.send(redis, () => redis.ping(), REDIS_COMMAND_TIMEOUT_MS).then(
        () => undefined,
        (caught: unknown) => caught as Error,
      );
      if (error?.message !== TIMED_OUT) break;
      unanswered += 1;
      if (unanswered >= PROBES_TO_REPLACE) {
        redis.disconnect(true);
        break;
      }
      if (unanswered >= PROBES_TO_SUSPEND) {
        this.suspend(Infinity, TIMED_OUT);
        await sleep(PROBE_INTERVAL_MS, undefined, { ref: false });
      }
    }
    this.probing = false;
  }

  private suspend(until: number, reason: string): void {
    this.suspendedUntil = until;
    this.report(false, `Going on without Redis: ${reason}`);
  }

  private mayReconnect(): boolean {
    const now = performance.now();
    if (now - this.reconnectedAt < READONLY_RECONNECT_MS) {
      return false;
    }
    this.reconnectedAt = now;
    return true;
  }

  /** Once for each time that Redis goes away or comes back, not for each command. */
  private report(answering: boolean, message: string): void {
    if (this.answering === answering) {
      return;
    }
    this.answering = answering;
    if (answering) {
      this.logger.log(message);
    } else {
      this.logger.warn(message);
    }
  }
}

/**
 * Has commands of one turn of the event loop leave in one write: each write costs more than the command. ioredis would
 * do it with a pipeline for each turn, whose accessor of its own keeps it, with all commands and values, until the next
 * full garbage collection.
 */
function gatherWrites({ stream }: Redis): void {
  if (stream.writableCorked === 0) {
    stream.cork();
    setImmediate(() => {
      stream.uncork();
    });
  }
}
