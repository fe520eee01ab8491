import { InvalidEnvironmentError } from '../config/invalid-environment.error.js';
import { loadEnvironment } from '../config/environment.js';
import { postgresConnection } from '../database/connection.js';
import { ProgressBar } from './progress-bar.js';
import { seedArguments } from './seed-arguments.js';
import { SeedFailure } from './seed-failure.js';
import { seedProducts } from './seed-products.js';

/** Exit codes by signal: 128 plus its number, by convention. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

async function seed(): Promise<void> {
  const { count, batch } = seedArguments(process.argv.slice(2));
  const { DATABASE_URL, CURRENCY } = loadEnvironment();

  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Not `once`: the terminal and npm each send the signal, and the second must not kill the process.
    process.on(signal, () => {
      process.exitCode ??= EXIT_CODES[signal];
      controller.abort();
    });
  }

  const started = performance.now();
  const bar = new ProgressBar(process.stdout, count);
  const loading = seedProducts(postgresConnection(DATABASE_URL), {
    count,
    currency: CURRENCY,
    batch,
    signal: controller.signal,
    onProgress: (rows) => {
      bar.update(rows);
    },
    onNotice: (text) => {
      bar.writeLine(text);
    },
  });
  loading.catch(() => {
    bar.finish();
  });
  const { rows, added, stopped } = await loading;
  bar.finish(rows);

  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (stopped) {
    const where = rows === 0 ? 'before the first batch' : `after row ${rows} of ${count}`;
    console.log(`Stopped ${where}. Run the same command again to continue.`);
  } else if (added === 0) {
    console.log(`Nothing to do: the table has ${rows} sample products.`);
  } else {
    console.log(`Added ${added} sample products in ${seconds} s; the table has ${rows}.`);
  }
}

try {
  await seed();
} catch (error) {
  if (!(error instanceof SeedFailure || error instanceof InvalidEnvironmentError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
