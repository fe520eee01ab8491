import { constants, openSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import sonicBoom from 'sonic-boom';

/** Bytes that wait for a slow reader of the log. Lines beyond that are dropped, because a request never waits for it. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** Bytes of a write, because a write for each line costs more than the line. Fewer are written at each interval. */
const BATCH_BYTES = 60 * 1024;
const MAX_WRITE_BYTES = 64 * 1024;
const FLUSH_INTERVAL_MS = 100;
/** Milliseconds that the exit waits for a slow reader. */
const EXIT_TIMEOUT_MS = 1000;
const STDOUT = 1;

/**
 * Creates a stream that writes lines to stdout in the background, and the last ones when the process exits.
 *
 * @param reportDropped called with the number of dropped lines once lines are written again.
 */
export function createStandardOutput(reportDropped: (lines: number) => void): DestinationStream {
  let giveUpAt = Infinity;
  let dropped = 0;
  const output = new sonicBoom.SonicBoom({
    fd: openStdout(),
    // In the default mode SonicBoom measures the whole batch again for each line.
    contentMode: 'buffer',
    minLength: BATCH_BYTES,
    maxWrite: MAX_WRITE_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
    maxLength: MAX_WAITING_BYTES,
    retryEAGAIN: () => performance.now() < giveUpAt,
  });
  output.on('drop', () => {
    dropped += 1;
  });
  output.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    reportDropped(lines);
  });
  // A full disk or a closed pipe: the lines wait for the next attempt.
  output.on('error', () => undefined);
  process.once('exit', () => {
    giveUpAt = performance.now() + EXIT_TIMEOUT_MS;
    try {
      output.flushSync();
    } catch {
      // Nobody can read the error either.
    }
  });
  return {
    write: (line) => {
      // The types of SonicBoom know only its default mode.
      output.write(Buffer.from(line) as unknown as string);
    },
  };
}

/** Opens stdout without blocking: a write to a full pipe then fails at once. Sockets cannot be opened this way. */
function openStdout(): number {
  try {
    return openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    return STDOUT;
  }
}
