import { overloaded } from '../problems/problem.js';

export interface BatchReaderOptions {
  /** Keys that are read together, at most. */
  readonly maxBatch: number;
  /** Batches that are read at a time. */
  readonly concurrency: number;
  /** Keys that may wait for the next batch. */
  readonly maxWaiting: number;
}

/**
 * Reads the values of several keys at once. A key without a value is missing in the result.
 *
 * @param since when the wait of the first key began, in the time of `performance.now()`.
 */
export type ReadBatch<Value> = (
  keys: readonly string[],
  since: number,
) => Promise<ReadonlyMap<string, Value>>;

interface WaitingKey<Value> {
  readonly key: string;
  readonly since: number;
  readonly resolve: (value: Value | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers single reads into batches (group commit). While `concurrency` batches are read, further keys wait and share
 * the next batch: the busier the reader is, the larger its batches are.
 */
export class BatchReader<Value> {
  /** The key that has waited longest comes first. */
  private readonly waiting: WaitingKey<Value>[] = [];
  private running = 0;

  constructor(
    private readonly readBatch: ReadBatch<Value>,
    private readonly options: BatchReaderOptions,
  ) {}

  /**
   * The value of a key; undefined when it has none.
   *
   * @throws Problem `overloaded` when too many keys wait; others as `readBatch`, whose error reaches every key of its batch.
   */
  async read(key: string): Promise<Value | undefined> {
    if (this.waiting.length >= this.options.maxWaiting) {
      throw overloaded('The service has too many requests right now.');
    }
    return await new Promise((resolve, reject) => {
      this.waiting.push({ key, since: performance.now(), resolve, reject });
      if (this.waiting.length === 1) {
        // All keys of this turn of the event loop share the batch.
        setImmediate(() => {
          this.startBatches();
        });
      }
    });
  }

  private startBatches(): void {
    while (this.waiting.length > 0 && this.running < this.options.concurrency) {
      this.running += 1;
      void this.settle(this.waiting.splice(0, this.options.maxBatch)).finally(() => {
        this.running -= 1;
        this.startBatches();
      });
    }
  }

  private async settle(batch: readonly WaitingKey<Value>[]): Promise<void> {
    const keys = new Set(batch.map(({ key }) => key));
    try {
      const values = await this.readBatch([...keys], batch[0]?.since ?? performance.now());
      for (const { key, resolve } of batch) resolve(values.get(key));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
