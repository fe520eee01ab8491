import { describe, expect, it } from '@jest/globals';

import { ProgressBar } from './progress-bar.js';

function harness(isTTY: boolean): {
  bar: ProgressBar;
  written: string[];
  at: (milliseconds: number) => void;
} {
  const written: string[] = [];
  let time = 0;
  const output = { isTTY, columns: 100, write: (text: string) => written.push(text) };
  return {
    bar: new ProgressBar(output, 10_000, () => time),
    written,
    at: (milliseconds) => {
      time = milliseconds;
    },
  };
}

describe(ProgressBar.name, () => {
  it('redraws one line of a terminal, at most ten times a second', () => {
    const { bar, written, at } = harness(true);
    bar.update(0);
    for (let time = 1; time <= 1000; time++) {
      at(time);
      bar.update(time);
    }
    bar.finish(1000);
    expect(written.length).toBeLessThanOrEqual(13);
    expect(written.every((text) => text === '\n' || text.startsWith('\r'))).toBe(true);
    expect(written.at(-2)).toBe(
      '\r[#...............]  10%  1,000/10,000 rows  1,000 rows/s  00:09 left\u001b[K',
    );
    expect(written.at(-1)).toBe('\n');
  });

  it('writes a line every three seconds when the output is not a terminal', () => {
    const { bar, written, at } = harness(false);
    bar.update(5000);
    for (let time = 100; time <= 7000; time += 100) {
      at(time);
      bar.update(5000 + time / 10);
    }
    bar.finish(5700);
    expect(written).toEqual([
      ' 53%  5,300/10,000 rows  100 rows/s  00:47 left\n',
      ' 56%  5,600/10,000 rows  100 rows/s  00:44 left\n',
      ' 57%  5,700/10,000 rows  100 rows/s  00:43 left\n',
    ]);
  });

  it('writes nothing without progress', () => {
    const { bar, written } = harness(true);
    bar.finish(10_000);
    expect(written).toEqual([]);
  });

  it('clears the bar before it writes a line of text', () => {
    const { bar, written } = harness(true);
    bar.writeLine('Retrying');
    expect(written).toEqual(['\r\u001b[KRetrying\n']);
  });
});
