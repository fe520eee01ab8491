import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Redis } from 'ioredis';

import { Environment } from '../config/environment.js';

/** How long a command may take. A healthy Redis answers in well under a millisecond. */
export const REDIS_COMMAND_TIMEOUT_MS = 50;
/** After a command has failed, how long nobody asks again: a frozen Redis then costs few requests anything. */
const SUSPENSION_MS = 500;
const SOCKET_TIMEOUT_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;
const RECONNECT_MAX_MS = 1000;

/**
 * The connection to Redis, which is optional at every moment: a command is answered in time or not at
 * all, nothing queues while it is away, and it comes back by itself.
 */
@Injectable()
export class RedisConnection implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RedisConnection.name);
  private readonly redis: Redis | undefined;
  private suspendedUntil = 0;
  private silent = false;

  constructor({ REDIS_URL }: Environment) {
    if (REDIS_URL !== undefined) {
      this.redis = new Redis(REDIS_URL, {
        lazyConnect: true,
        connectTimeout: CONNECT_TIMEOUT_MS,
        commandTimeout: REDIS_COMMAND_TIMEOUT_MS,
        socketTimeout: SOCKET_TIMEOUT_MS,
        enableOfflineQueue: false,
        enableAutoPipelining: true,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) =>
          Math.min(50 * attempt, RECONNECT_MAX_MS) * (0.5 + Math.random()),
        // A replica promoted elsewhere: the address now leads to another server.
        reconnectOnError: (error) => error.message.startsWith('READONLY'),
      });
      this.watch(this.redis);
    }
  }

  /** Whether a command has a fair chance right now. */
  get available(): boolean {
    return this.redis?.status === 'ready' && Date.now() >= this.suspendedUntil;
  }

  /**
   * Runs a command, or several at once.
   *
   * @returns its answer, or `undefined` when Redis is away, refuses (OOM, READONLY) or takes more than
   * {@link REDIS_COMMAND_TIMEOUT_MS}. It never rejects.
   */
  async attempt<Answer>(command: (redis: Redis) => Promise<Answer>): Promise<Answer | undefined> {
    if (this.redis === undefined || !this.available) {
      return undefined;
    }
    try {
      return await command(this.redis);
    } catch (error) {
      this.suspendedUntil = Date.now() + SUSPENSION_MS;
      this.report(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  onApplicationBootstrap(): void {
    if (this.redis === undefined) {
      this.logger.warn('No REDIS_URL: going on without a shared cache.');
      return;
    }
    // A first connection that fails is tried again by itself, like any later one.
    this.redis.connect().catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private watch(redis: Redis): void {
    redis.on('ready', () => {
      this.suspendedUntil = 0;
      this.silent = false;
      this.logger.log('Redis is connected.');
    });
    redis.on('error', (error: NodeJS.ErrnoException) => {
      this.report(error.code ?? error.message);
    });
  }

  /** Once for each time that Redis goes away, not for each command that misses it. */
  private report(cause: string): void {
    if (!this.silent) {
      this.silent = true;
      this.logger.warn(`Going on without Redis: ${cause}.`);
    }
  }
}
