import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Redis } from 'ioredis';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { Environment } from '../config/environment.js';

/** How long a command may take. A healthy Redis answers in well under a millisecond. */
const REDIS_COMMAND_TIMEOUT_MS = 50;
/** The same for what there is another way to: a page has at most two of those after its request was counted. */
export const REDIS_PAGE_TIMEOUT_MS = 25;
/** How long ioredis itself waits for a reply: for the handshake, whose replies nobody else waits for. */
const HANDSHAKE_TIMEOUT_MS = 2000;
/** After a command has failed, how long nobody asks again: a frozen Redis then costs few requests anything. */
const SUSPENSION_MS = 500;
/** Timeouts in a row after which the connection is given up for a new one. */
const PATIENT_TIMEOUTS = 5;
const READONLY_RECONNECT_MS = 5000;
/** ioredis says the same of its own deadline. */
const TIMED_OUT = 'Command timed out';
/** Replies that tell of the state of Redis; others are about one key or one command. */
const REFUSALS =
  /^(OOM|READONLY|LOADING|BUSY|MISCONF|NOREPLICAS|NOAUTH|NOPERM|MASTERDOWN|CLUSTERDOWN) /;
const CONNECT_TIMEOUT_MS = 2000;
/** How long a start waits for the first connection. */
const START_PATIENCE_MS = 500;
const RECONNECT_MAX_MS = 1000;

/**
 * The connection to Redis, which is optional at every moment: a command is answered in time or not at
 * all, nothing queues while it is away, and it comes back by itself.
 */
@Injectable()
export class RedisConnection implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RedisConnection.name);
  private readonly redis: Redis | undefined;
  private suspendedUntil = -Infinity;
  private timeouts = 0;
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
   * @param timeoutMs how long it may take; {@link REDIS_COMMAND_TIMEOUT_MS} unless told.
   * @returns its answer, or `undefined` when Redis is away, refuses (OOM, READONLY) or takes longer. It never
   * rejects.
   */
  async attempt<Answer>(
    command: (redis: Redis) => Promise<Answer>,
    timeoutMs = REDIS_COMMAND_TIMEOUT_MS,
  ): Promise<Answer | undefined> {
    if (this.redis === undefined || !this.available) {
      return undefined;
    }
    const askedAt = performance.now();
    gatherWrites(this.redis);
    try {
      const answer = await inTime(command(this.redis), timeoutMs);
      this.latency.observe((performance.now() - askedAt) / 1000);
      this.timeouts = 0;
      this.report(true, 'Redis answers again.');
      return answer;
    } catch (error) {
      this.fail(this.redis, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  /** Waits for a moment until Redis is connected, so that no request has to. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.redis === undefined) {
      this.logger.warn('No REDIS_URL: going on without a shared cache.');
      return;
    }
    // A first connection that fails is tried again by itself, like any later one.
    await inTime(this.redis.connect(), START_PATIENCE_MS).catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private watch(redis: Redis): void {
    redis.on('ready', () => {
      this.suspendedUntil = -Infinity;
      this.timeouts = 0;
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
    this.suspendedUntil = performance.now() + SUSPENSION_MS;
    this.report(false, `Going on without Redis: ${message}`);
    // A refusal is an answer.
    this.timeouts = name === 'ReplyError' ? 0 : this.timeouts + 1;
    if (this.timeouts >= PATIENT_TIMEOUTS) {
      // What waits on a dead connection would otherwise wait for as long as it takes to be noticed.
      this.timeouts = 0;
      redis.disconnect(true);
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

/** The answer, unless it takes longer. */
function inTime<Answer>(answer: Promise<Answer>, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // A busy process sees its timers before the replies that came meanwhile: those are read first.
      setImmediate(() => {
        reject(new Error(TIMED_OUT));
      });
    }, timeoutMs);
    const settle =
      <Value>(tell: (value: Value) => void) =>
      (value: Value): void => {
        clearTimeout(timer);
        tell(value);
      };
    answer.then(settle(resolve), settle(reject));
  });
}
