import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';

import { shutdownSeconds, unknownVariables } from './settings.js';
import { readYaml } from './yaml.js';

interface Variable {
  readonly key: string;
  readonly value?: string;
  readonly sync?: false;
  readonly generateValue?: true;
  readonly fromService?: {
    readonly type: string;
    readonly name: string;
    readonly property: string;
  };
}

interface Web {
  readonly type: 'web';
  readonly region: string;
  readonly runtime: string;
  readonly preDeployCommand: string;
  readonly healthCheckPath: string;
  readonly maxShutdownDelaySeconds: number;
  readonly buildFilter: { readonly paths: readonly string[] };
  readonly envVars: readonly Variable[];
}

interface KeyValue {
  readonly type: 'keyvalue';
  readonly name: string;
  readonly region: string;
  readonly maxmemoryPolicy: string;
  readonly ipAllowList: readonly unknown[];
}

/** The fields of the Blueprint reference that this blueprint may use. */
const FIELDS = {
  web: [
    ...['type', 'name', 'runtime', 'region', 'plan', 'numInstances', 'autoDeployTrigger'],
    ...['preDeployCommand', 'healthCheckPath', 'maxShutdownDelaySeconds', 'buildFilter', 'envVars'],
  ],
  keyvalue: ['type', 'name', 'region', 'plan', 'maxmemoryPolicy', 'ipAllowList'],
};

const blueprint = readYaml('deploy/render.yaml') as { services: [Web, KeyValue] };
const [web, cache] = blueprint.services;

function variable(key: string): Variable {
  const found = web.envVars.find((candidate) => candidate.key === key);
  if (found === undefined) throw new Error(`${key} is not set`);
  return found;
}

describe('The Render blueprint', () => {
  it('has a web service and a Key Value instance, with known fields only', () => {
    expect(Object.keys(blueprint)).toEqual(['services']);
    expect(blueprint.services.map(({ type }) => type)).toEqual(['web', 'keyvalue']);
    for (const service of blueprint.services) {
      const known = FIELDS[service.type];
      expect(Object.keys(service).filter((field) => !known.includes(field))).toEqual([]);
    }
    expect(web.region).toBe(cache.region);
  });

  it('sets only variables that the service reads, each once', () => {
    const names = web.envVars.map(({ key }) => key);
    expect(unknownVariables(names)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    for (const { key, ...source } of web.envVars) {
      expect([key, Object.keys(source)]).toEqual([key, [expect.any(String)]]);
    }
  });

  it('contains no secret', () => {
    expect(web.envVars.filter(({ value }) => value !== undefined)).toEqual([
      variable('TRUST_PROXY'),
    ]);
    expect(variable('DATABASE_URL')).toMatchObject({ sync: false });
    expect(variable('METRICS_TOKEN')).toMatchObject({ generateValue: true });
  });

  it('checks readiness, and leaves enough time to shut down', () => {
    expect(web.healthCheckPath).toBe('/health/ready');
    expect(shutdownSeconds({ DATABASE_URL: 'postgresql://host/farmlokal' })).toBeLessThanOrEqual(
      web.maxShutdownDelaySeconds,
    );
  });

  it('connects the service to a cache that evicts the least recently used keys', () => {
    expect(variable('REDIS_URL').fromService).toEqual({
      type: cache.type,
      name: cache.name,
      property: 'connectionString',
    });
    expect(cache).toMatchObject({ maxmemoryPolicy: 'allkeys-lru', ipAllowList: [] });
  });

  it('rebuilds the image when one of its files changes', () => {
    const sent = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const watched = web.buildFilter.paths.map((path) => path.replace(/\/\*\*$/, ''));
    expect(watched.sort()).toEqual(['.dockerignore', 'Dockerfile', ...sent].sort());
  });
});

describe('The trusted proxies on Render', () => {
  const trusted = new BlockList();
  for (const network of variable('TRUST_PROXY').value?.split(',') ?? []) {
    const [address = '', bits] = network.split('/');
    trusted.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  it.each([
    ["Render's own network", '10.21.157.68'],
    ['Cloudflare', '104.22.17.40'],
    ['Cloudflare', '172.71.255.255'],
    ['Cloudflare', '2606:4700::1'],
    ['Cloudflare', '2a06:98c7:ffff::1'],
  ])('include %s (%s)', (_, address) => {
    expect(trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')).toBe(true);
  });

  it.each([
    ['a client', '203.0.113.7'],
    ["a client of Cloudflare's VPN", '104.28.0.1'],
    ['a client', '172.72.0.1'],
    ['a client', '2001:db8::1'],
  ])('do not include %s (%s)', (_, address) => {
    expect(trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')).toBe(false);
  });
});
