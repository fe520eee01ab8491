import { InvalidEnvironmentError } from '../config/invalid-environment.error.js';
import { loadEnvironment } from '../config/environment.js';
import { postgresConnection } from '../database/connection.js';
import { ProgressBar } from './progress-bar.js';
import { seedArguments } from './seed-arguments.js';
import { SeedFailure } from './seed-failure.js';
import { seedProducts } from './seed-products.js';

/** Exit codes of a process that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

async function seed(): Promise<void> {
  const { count, batch } = seedArguments(process.argv.slice(2));
  const { DATABASE_URL, CURRENCY } = loadEnvironment();

  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Every time: npm passes on the signal that the terminal has sent here already.
    process.on(signal, () => {
      process.exitCode ??= EXIT_CODES[signal];
      controller.abort();
    });
  }

  const started = performance.now();
  const bar = new ProgressBar(process.stdout, count);
  const load = seedProducts(postgresConnection(DATABASE_URL), {
    count,
    currency: CURRENCY,
    batch,
    signal: controller.signal,
    onProgress: (reached) => {
      bar.update(reached);
    },
    onNotice: (text) => {
      bar.say(text);
    },
  });
  load.catch(() => {
    bar.finish();
  });
  const { rows, added, stopped } = await load;
  bar.finish(rows);

  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (stopped) {
    const where = rows === 0 ? 'before the first batch' : `after row ${rows} of ${count}`;
    console.log(`Stopped ${where}. The same command goes on from there.`);
  } else if (added === 0) {
    console.log(`Nothing to do: the table holds ${rows} sample products.`);
  } else {
    console.log(`Added ${added} sample products in ${seconds} s; the table holds ${rows}.`);
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
