import type pg from 'pg';
import { Gauge, type Registry } from 'prom-client';

interface DatabaseState {
  readonly poolMax: number;
  isUp(): boolean;
  /** Undefined before the first connection. */
  pool(): pg.Pool | undefined;
  waitingCount(): number;
}

/** Publishes the state of PostgreSQL and of its connections as metrics. */
export function publishDatabaseMetrics(registry: Registry, state: DatabaseState): void {
  const registers = [registry];
  const up = new Gauge({
    name: 'farmlokal_database_up',
    help: 'Whether PostgreSQL answered the last statement: 1 or 0.',
    registers,
    collect: () => {
      up.set(state.isUp() ? 1 : 0);
    },
  });
  const connections = new Gauge({
    name: 'farmlokal_database_pool_connections',
    help: 'Connections to PostgreSQL that are busy or idle, and statements that wait for a connection.',
    labelNames: ['state'],
    registers,
    collect: () => {
      const { totalCount = 0, idleCount = 0 } = state.pool() ?? {};
      connections.set({ state: 'busy' }, totalCount - idleCount);
      connections.set({ state: 'idle' }, idleCount);
      connections.set({ state: 'waiting' }, state.waitingCount());
    },
  });
  new Gauge({
    name: 'farmlokal_database_pool_max',
    help: 'Maximum number of connections from this process to PostgreSQL.',
    registers,
  }).set(state.poolMax);
}
