import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IJob } from 'kubernetes-models/batch/v1';

import { readYaml } from '../../deploy/yaml.js';
import { query } from '../../dev/postgres-server.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Service, startReadyService } from '../support/service.js';

interface Compose {
  readonly services: {
    readonly farmlokal: { readonly healthcheck: { readonly test: readonly string[] } };
    readonly migrations: { readonly command: readonly string[] };
  };
}

interface Blueprint {
  readonly services: readonly [
    { readonly healthCheckPath: string; readonly preDeployCommand: string },
  ];
}

const { services } = readYaml('deploy/compose.yaml') as Compose;
const [web] = (readYaml('deploy/render.yaml') as Blueprint).services;
const deployment = readYaml('deploy/kubernetes/deployment.yaml') as IDeployment;
const job = readYaml('deploy/kubernetes/migration-job.yaml') as IJob;

function run(command: readonly string[], env: Record<string, string>) {
  const [program = '', ...args] = command;
  const options = { encoding: 'utf8', timeout: 30_000 } as const;
  const { PATH } = process.env;
  return spawnSync(program, args, { ...options, env: { PATH, NODE_ENV: 'production', ...env } });
}

describe('The migrations of a deployment', () => {
  const { command } = services.migrations;

  it('run with the same command on every platform', () => {
    expect(job.spec?.template.spec?.containers[0]?.command).toEqual(command);
    expect(web.preDeployCommand).toBe(command.join(' '));
  });

  it('prepare an empty database for a replica', async () => {
    const maintenance = process.env.TEST_POSTGRES_URL ?? '';
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    await query(maintenance, `CREATE DATABASE ${name}`);
    const url = new URL(maintenance);
    url.pathname = name;
    // As on the platforms, where DATABASE_URL may go through a pooler that cannot run migrations.
    const { status, stderr } = run(command, {
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nowhere',
      MIGRATION_DATABASE_URL: url.href,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const service = await startReadyService({ DATABASE_URL: url.href });
    await service.stop();
    await query(maintenance, `DROP DATABASE ${name} WITH (FORCE)`);
  });
});

describe('The probes of a deployment', () => {
  let database: Database;

  beforeAll(async () => {
    database = await createDatabase();
  });

  afterAll(async () => {
    await database.drop();
  });

  /** Runs the health check of the compose file against this service. */
  function check(service: Service): number | null {
    const [, ...command] = services.farmlokal.healthcheck.test;
    const { host } = new URL(service.url);
    return run(
      command.map((part) => part.replace('127.0.0.1:3000', host)),
      {},
    ).status;
  }

  it('succeed on a ready replica', async () => {
    const service = await startReadyService({ DATABASE_URL: database.url });
    const [container] = deployment.spec?.template.spec?.containers ?? [];
    const paths = [
      web.healthCheckPath,
      container?.startupProbe?.httpGet?.path,
      container?.livenessProbe?.httpGet?.path,
      container?.readinessProbe?.httpGet?.path,
    ];
    for (const path of paths) {
      expect([path, (await httpFetch(`${service.url}${path ?? ''}`)).status]).toEqual([path, 200]);
    }
    expect(check(service)).toBe(0);
  });

  it('fail on a replica that is stopping or has exited', async () => {
    const service = await startReadyService({
      DATABASE_URL: database.url,
      // Longer than the test runs, so that the replica stays in the drain phase.
      SHUTDOWN_DELAY_MS: '30000',
    });
    await service.kill('SIGTERM');
    await eventually(async () => {
      const { status } = await httpFetch(`${service.url}${web.healthCheckPath}`);
      return status === 503 || undefined;
    });
    expect(check(service)).toBe(1);
    await service.kill('SIGKILL');
    await service.exited();
    expect(check(service)).toBe(1);
  });
});
