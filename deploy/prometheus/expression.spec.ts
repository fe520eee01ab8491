import { describe, expect, it } from '@jest/globals';

import { Expression } from './expression.js';

describe(Expression.name, () => {
  it('finds the metrics, and the labels that select and group them', () => {
    const { selectors } = new Expression(
      'sum by (le) (rate(a_bucket{job="x", route=~"y"}[5m])) / ignoring (le) group_left sum(b) by (x)',
    );
    expect(selectors).toEqual([
      { metric: 'a_bucket', labels: new Set(['le', 'job', 'route']) },
      { metric: 'b', labels: new Set(['x']) },
    ]);
  });

  it.each([
    ['a{job="x"}', undefined],
    ['sum(a)', []],
    ['histogram_quantile(0.5, sum by (le, route) (rate(a_bucket[5m])))', ['le', 'route']],
    ['count(count by (version) (a))', []],
  ])('finds the labels that the result of %s has', (text, labels) => {
    expect(new Expression(text).kept).toEqual(labels);
  });

  it.each(['sum(rate(a[5m])', 'a{job="x"', 'rate(a[5 moons])', '{job="x"}'])(
    'rejects %s',
    (text) => {
      expect(() => new Expression(text)).toThrow(text);
    },
  );
});
