import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { expressions, readDashboard } from '../../deploy/grafana/dashboard.js';
import { readAlerts } from '../../deploy/prometheus/alerts.js';
import { Expression } from '../../deploy/prometheus/expression.js';
import type { RedisServer } from '../../dev/redis-server.js';
import { httpFetch } from '../support/http.js';
import { createDatabase, type Database } from '../support/database.js';
import { insertProducts } from '../support/products.js';
import { startRedis } from '../support/redis-server.js';
import { type Sandbox, startSandbox } from '../support/sandbox.js';
import { type Service, startReadyService } from '../support/service.js';
import { SECRET, send, upserted } from '../support/signed-event.js';

const THROTTLE_LIMIT = 50;

/** Series that Prometheus adds to a scrape. */
const PROMETHEUS_SERIES = new Map([['up', new Set<string>()]]);
/** Labels that Prometheus adds. */
const PROMETHEUS_LABELS = ['job', 'instance'];
/** The suffixes of the series of each metric type. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

const HISTOGRAM_PART = /_(bucket|sum|count)$/;

let database: Database;
let redis: RedisServer;
let sandbox: Sandbox;
let service: Service;
/** The label names of every series of the service; undefined for a metric without a sample. */
let series: Map<string, ReadonlySet<string> | undefined>;

beforeAll(async () => {
  [database, redis, sandbox] = await Promise.all([createDatabase(), startRedis(), startSandbox()]);
  service = await startReadyService({
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...sandbox.environment(),
    WEBHOOK_SECRETS: SECRET,
    THROTTLE_LIMIT: String(THROTTLE_LIMIT),
  });
  await sendRequests();
  const { body } = await httpFetch<string>(`${service.url}/metrics`);
  series = seriesOf(body);
});

afterAll(async () => {
  await service.stop();
  await Promise.all([sandbox.stop(), redis.stop(), database.drop()]);
});

/** Sends requests of each kind, so that most metrics have a sample. */
async function sendRequests(): Promise<void> {
  const [id = ''] = await insertProducts(database, [{}]);
  await httpFetch(`${service.url}/api/products/${id}/availability`);
  await send(service.url, upserted('D-1', 1));
  await send(service.url, upserted('D-1', 2), { timestamp: 0 });
  for (let count = 0; count <= THROTTLE_LIMIT; count += 1) {
    await httpFetch(`${service.url}/api/products`);
  }
}

function seriesOf(exposition: string): Map<string, ReadonlySet<string> | undefined> {
  const found = new Map<string, ReadonlySet<string> | undefined>(PROMETHEUS_SERIES);
  for (const [, name = '', type = ''] of exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    for (const suffix of SUFFIXES[type] ?? []) found.set(name + suffix, undefined);
  }
  for (const [, name = '', labels = ''] of exposition.matchAll(/^(\w+)(?:\{(.*)\})? /gm)) {
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    found.set(name, new Set([...(found.get(name) ?? []), ...names]));
  }
  return found;
}

/** The metrics and labels of an expression that the service does not have. */
function missing(expression: string): string[] {
  return new Expression(expression).selectors.flatMap(({ metric, labels }) => {
    if (!series.has(metric)) return [metric];
    const known = series.get(metric);
    if (known === undefined) return [];
    const unknown = [...labels].filter(
      (label) => !known.has(label) && !PROMETHEUS_LABELS.includes(label),
    );
    return unknown.map((label) => `${metric}{${label}}`);
  });
}

describe('The dashboard', () => {
  const { panels, templating } = readDashboard();
  const graphs = panels.filter(({ type }) => type !== 'row');

  it.each(graphs.map((panel) => [panel.title, panel] as const))(
    'has only existing metrics in the panel %s',
    (_, panel) => {
      expect(expressions(panel).flatMap(missing)).toEqual([]);
    },
  );

  it('shows every metric of the service', () => {
    const shown = graphs
      .flatMap(expressions)
      .flatMap((expression) => new Expression(expression).selectors)
      .map(({ metric }) => metric.replace(HISTOGRAM_PART, ''));
    const measured = [...series.keys()]
      .filter((name) => name.startsWith('farmlokal_'))
      .map((name) => name.replace(HISTOGRAM_PART, ''));
    expect(measured.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('reads its variables from existing metrics', () => {
    const selectors = templating.list.flatMap(({ definition = '' }) => {
      const [, selector] = /^label_values\((.+), \w+\)$/.exec(definition) ?? [];
      return selector ?? [];
    });
    expect(selectors).toHaveLength(2);
    expect(selectors.flatMap(missing)).toEqual([]);
  });
});

describe('The alerts', () => {
  const rules = readAlerts().groups.flatMap((group) => group.rules);

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    'use only existing metrics: %s',
    (_, { expr }) => {
      expect(missing(expr)).toEqual([]);
    },
  );
});
