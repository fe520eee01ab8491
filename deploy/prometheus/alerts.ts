import { readYaml } from '../yaml.js';

/** One alert, as Prometheus reads it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A file of rules. */
export interface AlertRules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** The alerts of this directory. */
export function readAlerts(): AlertRules {
  return readYaml('deploy/prometheus/alerts.yaml') as AlertRules;
}
