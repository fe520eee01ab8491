import type { PostgresServer } from '../../dev/postgres-server.js';
import type { RedisServer } from '../../dev/redis-server.js';
import { createDatabase, type Database } from './database.js';
import { startPostgres } from './postgres-server.js';
import { startRedis } from './redis-server.js';
import { type Sandbox, startSandbox } from './sandbox.js';
import { type Service, startReadyService } from './service.js';
import { SECRET } from './signed-event.js';

/** Everything the service depends on, for one spec file that makes it fail. */
export class BackingServices {
  private readonly replicas: Service[] = [];

  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly sandbox: Sandbox,
    readonly database: Database,
  ) {}

  static async start(): Promise<BackingServices> {
    const [postgres, redis, sandbox] = await Promise.all([
      startPostgres(),
      startRedis(),
      startSandbox(),
    ]);
    const database = await createDatabase(postgres);
    // Test clusters acknowledge a commit before they write it. These specs kill them, so a commit must be durable.
    const name = new URL(database.url).pathname.slice(1);
    await database.query(`ALTER DATABASE ${name} SET synchronous_commit = on`);
    return new BackingServices(postgres, redis, sandbox, database);
  }

  /** The environment of a service with these dependencies; `changes` overrides it. */
  environment(changes: Record<string, string> = {}): Record<string, string> {
    return {
      DATABASE_URL: this.database.url,
      REDIS_URL: this.redis.url,
      ...this.sandbox.environment(),
      WEBHOOK_SECRETS: SECRET,
      ...changes,
    };
  }

  /** Starts a replica with this environment and waits until it is ready. */
  async startReplica(changes: Record<string, string> = {}): Promise<Service> {
    const replica = await startReadyService(this.environment(changes));
    this.replicas.push(replica);
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await Promise.all([this.postgres.stop(), this.redis.stop(), this.sandbox.stop()]);
  }
}
