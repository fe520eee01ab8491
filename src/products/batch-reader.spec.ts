import { describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { BatchReader } from './batch-reader.js';

/** A reader whose batches stay in progress until they are ended. */
function readerOf({ maxBatch = 100, concurrency = 2, maxWaiting = 10 } = {}) {
  const batches: { keys: readonly string[]; since: number; end: (error?: Error) => void }[] = [];
  const reader = new BatchReader<string>(
    (keys, since) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          if (error === undefined) resolve(new Map(keys.map((key) => [key, `value of ${key}`])));
          else reject(error);
        };
        batches.push({ keys, since, end });
      }),
    { maxBatch, concurrency, maxWaiting },
  );
  return { reader, batches };
}

/** Starts a read in a turn of the event loop of its own. */
async function readInOwnTurn(reader: BatchReader<string>, key: string) {
  const value = reader.read(key).catch((error: unknown) => error);
  await nextTurn();
  return { value };
}

describe(BatchReader.name, () => {
  it('reads all keys of a turn of the event loop together, each once', async () => {
    const { reader, batches } = readerOf();
    const values = ['1', '2', '1'].map((key) => reader.read(key));
    await nextTurn();
    expect(batches.map(({ keys }) => keys)).toEqual([['1', '2']]);
    batches[0]?.end();
    expect(await Promise.all(values)).toEqual(['value of 1', 'value of 2', 'value of 1']);
  });

  it('gathers keys while as many batches are read as may be', async () => {
    const { reader, batches } = readerOf();
    for (const key of ['1', '2', '3', '4', '5']) await readInOwnTurn(reader, key);
    expect(batches.map(({ keys }) => keys)).toEqual([['1'], ['2']]);
    batches[0]?.end();
    await nextTurn();
    expect(batches.map(({ keys }) => keys)).toEqual([['1'], ['2'], ['3', '4', '5']]);
  });

  it('reads at most maxBatch keys together', async () => {
    const { reader, batches } = readerOf({ maxBatch: 2 });
    const values = Promise.all(['1', '2', '3', '4', '5'].map((key) => reader.read(key)));
    await nextTurn();
    expect(batches.map(({ keys }) => keys)).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
    batches[1]?.end();
    await nextTurn();
    batches[2]?.end();
    batches[0]?.end();
    expect(await values).toHaveLength(5);
    expect(batches[2]?.keys).toEqual(['5']);
  });

  it('tells since when the first key of a batch waits', async () => {
    const { reader, batches } = readerOf({ concurrency: 1 });
    await readInOwnTurn(reader, '1');
    const before = performance.now();
    await readInOwnTurn(reader, '2');
    const after = performance.now();
    await readInOwnTurn(reader, '3');
    batches[0]?.end();
    await nextTurn();
    expect(batches[1]?.keys).toEqual(['2', '3']);
    expect(batches[1]?.since).toBeGreaterThanOrEqual(before);
    expect(batches[1]?.since).toBeLessThanOrEqual(after);
  });

  it('refuses a key when too many keys wait', async () => {
    const { reader, batches } = readerOf({ concurrency: 1, maxWaiting: 1 });
    await readInOwnTurn(reader, '1');
    const { value } = await readInOwnTurn(reader, '2');
    await expect(reader.read('3')).rejects.toMatchObject({ slug: 'overloaded' });
    batches[0]?.end();
    await nextTurn();
    batches[1]?.end();
    expect(await value).toBe('value of 2');
  });

  it('fails only the keys of a batch that fails', async () => {
    const { reader, batches } = readerOf({ concurrency: 1 });
    const { value: first } = await readInOwnTurn(reader, '1');
    const { value: second } = await readInOwnTurn(reader, '2');
    const error = new Error('The batch failed.');
    batches[0]?.end(error);
    expect(await first).toBe(error);
    await nextTurn();
    batches[1]?.end();
    expect(await second).toBe('value of 2');
  });
});
