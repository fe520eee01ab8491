import { describe, expect, it } from '@jest/globals';

import { drawLinePlot, type LinePlot } from './line-plot.js';

function plot(lines: Record<string, readonly number[]>): string {
  const series = Object.entries(lines).map(([name, values]) => ({ name, values }));
  const options: LinePlot = {
    title: 'A plot',
    xs: [
      { at: 0, label: 'first' },
      { at: 1, label: 'last' },
    ],
    xLabel: 'x',
    yLabel: 'y',
    series,
    limit: { value: 0.8, label: 'goal' },
  };
  return drawLinePlot(options);
}

/** Where a text stands, in pixels from the top. */
function topOf(svg: string, name: string): number {
  return Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(svg)?.[1]);
}

describe(drawLinePlot.name, () => {
  it('keeps the names of lines apart that end at the same value', () => {
    const svg = plot({ a: [0, 0.9], b: [0, 0.91], c: [0, 0.2], d: [0, 0.9] });
    const tops = ['b', 'a', 'd', 'c'].map((name) => topOf(svg, name));
    expect(tops).toEqual(tops.toSorted((x, y) => x - y));
    const gaps = tops.slice(1).map((top, nth) => top - (tops[nth] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15);
  });

  it('labels the ticks without the digits of binary fractions', () => {
    const svg = plot({ a: [0, 1] });
    const ticks = [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label);
    expect(ticks).toEqual(['0', '0.2', '0.4', '0.6', '0.8', '1']);
  });

  it('ends the vertical axis at the first tick above all values', () => {
    const svg = plot({ a: [0, 1.05] });
    const ticks = [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label);
    expect(ticks).toEqual(['0', '0.5', '1', '1.5']);
  });
});
