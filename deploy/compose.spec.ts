import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { Environment } from '../src/config/environment.js';
import { shutdownSeconds, unknownVariables } from './settings.js';
import { readYaml } from './yaml.js';

interface Service {
  readonly build?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
  readonly pids_limit?: number;
}

interface Compose {
  readonly services: Readonly<Record<'farmlokal' | 'migrations' | 'postgres' | 'redis', Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

const FILE = 'deploy/compose.yaml';
const { services, networks } = readYaml(FILE) as Compose;
const { farmlokal, migrations, postgres, redis } = services;

/** Interpolates variables as Compose does: `${NAME}`, `${NAME:-default}`, `${NAME:?error}`. */
function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(\w+)(?::(-|\?)([^}]*))?\}/g,
    (_, name: string, operator: string | undefined, operand: string | undefined) => {
      const value = values[name] ?? '';
      if (value !== '') return value;
      if (operator === '?') throw new Error(`${name}: ${operand ?? ''}`);
      return operand ?? '';
    },
  );
}

function environmentOf(service: Service, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, value]) => [
      name,
      interpolate(value, values),
    ]),
  );
}

describe('The compose file', () => {
  it('passes the linter', () => {
    // The keys are ordered for the reader.
    const disabled = ['service-keys-order', 'top-level-properties-order'];
    const linter = ['node_modules/dclint/bin/dclint.cjs', FILE, '--max-warnings=0'];
    const { status, stdout } = spawnSync(
      process.execPath,
      [...linter, '--disable-rule', ...disabled],
      { encoding: 'utf8' },
    );
    expect({ status, stdout: stdout.trim() }).toEqual({ status: 0, stdout: '' });
  });

  it('contains no secret, and names the one that is required', () => {
    const names = [...readFileSync(FILE, 'utf8').matchAll(/\$\{(\w+)(:\?)?/g)];
    const required = new Set(names.filter(([, , operator]) => operator).map(([, name]) => name));
    expect([...required]).toEqual(['POSTGRES_PASSWORD']);
    for (const service of [farmlokal, migrations, postgres]) {
      expect(() => environmentOf(service, {})).toThrow('POSTGRES_PASSWORD: is required');
    }
  });

  it('sets only variables that the service reads, with valid values', () => {
    for (const service of [farmlokal, migrations]) {
      const environment = environmentOf(service, { POSTGRES_PASSWORD: 'x' });
      expect(unknownVariables(Object.keys(environment))).toEqual([]);
      expect(shutdownSeconds(environment)).toBeLessThanOrEqual(
        Number.parseInt(farmlokal.stop_grace_period ?? '', 10),
      );
    }
  });

  it('starts PostgreSQL, then the migrations, then the service', () => {
    expect(farmlokal.build).toBe(migrations.build);
    expect(farmlokal.depends_on?.migrations?.condition).toBe('service_completed_successfully');
    expect(migrations.depends_on?.postgres?.condition).toBe('service_healthy');
    expect(postgres.healthcheck).toBeDefined();
  });

  it('checks the health of the service on its port', () => {
    const { PORT } = new Environment();
    expect(farmlokal.ports).toEqual([`127.0.0.1:\${PORT:-${PORT}}:${PORT}`]);
    expect(farmlokal.healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${PORT}/`);
  });

  it('runs its containers with limited privileges', () => {
    for (const [name, service] of Object.entries(services)) {
      expect([name, service.cap_drop, service.security_opt]).toEqual([
        name,
        ['ALL'],
        ['no-new-privileges:true'],
      ]);
      expect(service.mem_limit).toBeDefined();
    }
    for (const service of [farmlokal, migrations, redis]) {
      expect(service).toMatchObject({ read_only: true, pids_limit: expect.any(Number) });
    }
  });

  it('puts PostgreSQL and Redis on an internal network', () => {
    expect(networks.data?.internal).toBe(true);
    for (const { networks: joined, ports } of [postgres, redis]) {
      expect({ joined, ports }).toEqual({ joined: ['data'], ports: undefined });
    }
  });

  it('lets Redis evict the least recently used keys', () => {
    const command = redis.command?.join(' ');
    expect(command).toContain('--maxmemory-policy allkeys-lru');
    const [, maxmemory] = /--maxmemory (\d+)mb/.exec(command ?? '') ?? [];
    expect(Number(maxmemory)).toBeLessThan(Number.parseInt(redis.mem_limit ?? '', 10));
  });
});
