import { readFileSync } from 'node:fs';

/** A query of a panel. */
export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: Readonly<Record<string, string>>;
}

/** A panel of the dashboard. A row has no queries. */
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

/** A value that the user chooses. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

/** The JSON model that Grafana imports. */
export interface Dashboard {
  readonly id?: number;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

/** Stands for Grafana's variable `$__rate_interval`. */
const RATE_INTERVAL = '5m';

/** Reads the dashboard in this directory. */
export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync('deploy/grafana/farmlokal.json', 'utf8')) as Dashboard;
}

/** The PromQL expressions of a panel. */
export function expressions({ targets = [] }: Panel): string[] {
  return targets.map(({ expr }) => expr.replaceAll('$__rate_interval', RATE_INTERVAL));
}
