import { readFileSync } from 'node:fs';

/** A query of a panel. */
export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: Readonly<Record<string, string>>;
}

/** A part of the page; a row is one without queries. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: Readonly<Record<string, string>>;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly Target[];
}

/** A value that whoever looks chooses. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

/** What Grafana imports. */
export interface Dashboard {
  readonly id?: number;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

/** How far rates look back: on a real page, as far as four scrapes need. */
const RATE_INTERVAL = '5m';

/** The dashboard of this directory. */
export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync('deploy/grafana/farmlokal.json', 'utf8')) as Dashboard;
}

/** What a panel asks Prometheus. */
export function expressions({ targets = [] }: Panel): string[] {
  return targets.map(({ expr }) => expr.replaceAll('$__rate_interval', RATE_INTERVAL));
}
