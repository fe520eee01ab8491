import { describe, expect, it } from '@jest/globals';
import type { IDeployment } from 'kubernetes-models/apps/v1';

import { readYaml } from '../yaml.js';
import { readAlerts } from './alerts.js';
import { Expression } from './expression.js';

const { groups } = readAlerts();
const rules = groups.flatMap((group) => group.rules);

describe('The alerts', () => {
  it('have unique names in groups with unique names', () => {
    for (const names of [groups.map(({ name }) => name), rules.map(({ alert }) => alert)]) {
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s is complete', (_, rule) => {
    expect(Object.keys(rule).sort()).toEqual(['alert', 'annotations', 'expr', 'for', 'labels']);
    expect(rule.alert).toMatch(/^FarmLokal[A-Z]\w+$/);
    expect(rule.for).toMatch(/^[1-9]\d*[mh]$/);
    expect(['critical', 'warning']).toContain(rule.labels.severity);
    expect(Object.keys(rule.annotations)).toEqual(['summary', 'runbook']);
    expect(rule.annotations.summary).toMatch(/\.$/);
    expect(rule.annotations.runbook).toMatch(/\.$/);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s selects this job only',
    (_, rule) => {
      const { selectors } = new Expression(rule.expr);
      expect(rule.expr.match(/\{job="farmlokal"[,}]/g)).toHaveLength(selectors.length);
    },
  );

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s uses only existing labels in its annotations',
    (_, rule) => {
      const used = [...JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)];
      const { kept = ['instance'] } = new Expression(rule.expr);
      expect(kept).toEqual(expect.arrayContaining(used.map(([, label]) => label)));
    },
  );

  it('use the memory limit of the pods', () => {
    const deployment = readYaml('deploy/kubernetes/deployment.yaml') as IDeployment;
    const [container] = deployment.spec?.template.spec?.containers ?? [];
    expect(container?.resources?.limits?.memory).toBe('512Mi');
    expect(rules.find(({ alert }) => alert === 'FarmLokalMemory')?.expr).toContain(
      '> 0.9 * 512 * 1024 * 1024',
    );
  });
});
