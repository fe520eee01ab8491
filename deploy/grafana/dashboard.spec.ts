import { describe, expect, it } from '@jest/globals';

import { Expression } from '../prometheus/expression.js';
import { expressions, type Panel, readDashboard } from './dashboard.js';

const COLUMNS = 24;
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const dashboard = readDashboard();
const { panels, templating } = dashboard;
const graphs = panels.filter(({ type }) => type !== 'row');

function overlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  );
}

describe('The dashboard', () => {
  it('can be imported into any Grafana', () => {
    expect(dashboard.id).toBeUndefined();
    expect(dashboard).toMatchObject({ uid: 'farmlokal', schemaVersion: 42 });
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ]);
  });

  it('has panels of known types, with unique ids, that do not overlap', () => {
    const types = ['row', 'stat', 'table', 'timeseries'];
    expect(panels.filter(({ type }) => !types.includes(type))).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const [index, panel] of panels.entries()) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(COLUMNS);
      expect(panels.slice(index + 1).filter((other) => overlap(panel, other))).toEqual([]);
    }
  });

  it.each(graphs.map((panel) => [panel.title, panel] as const))(
    '%s queries the chosen data source for the chosen replicas',
    (_, panel) => {
      expect(panel.datasource).toEqual(DATASOURCE);
      expect(expressions(panel)).not.toEqual([]);
      expect(panel.targets?.map(({ datasource }) => datasource)).toEqual(
        panel.targets?.map(() => DATASOURCE),
      );
      for (const expression of expressions(panel)) {
        const chosen = expression.match(/\{job="\$job", instance=~"\$instance"/g);
        expect(chosen).toHaveLength(new Expression(expression).selectors.length);
      }
    },
  );

  it.each(graphs.map((panel) => [panel.title, panel] as const))(
    '%s uses only existing labels in its legend',
    (_, panel) => {
      for (const [index, expression] of expressions(panel).entries()) {
        const legend = panel.targets?.[index]?.legendFormat ?? '';
        const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
        const { kept = ['instance'] } = new Expression(expression);
        expect(kept).toEqual(expect.arrayContaining(named));
      }
    },
  );
});
