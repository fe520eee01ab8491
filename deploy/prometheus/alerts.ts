import { readYaml } from '../yaml.js';

/** An alerting rule of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule file of Prometheus. */
export interface AlertRules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** Reads the alerts in this directory. */
export function readAlerts(): AlertRules {
  return readYaml('deploy/prometheus/alerts.yaml') as AlertRules;
}
