const REDRAW_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 3000;
const BAR_WIDTH = 16;

/** The output of a {@link ProgressBar}, such as `process.stdout`. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Progress {
  readonly rows: number;
  /** Milliseconds, in the time of the bar's clock. */
  readonly at: number;
}

/**
 * Shows the progress of a load: percentage, rows, rows per second and time left. On a terminal it redraws one line every
 * 100 ms; elsewhere it writes a line every three seconds.
 */
export class ProgressBar {
  private first: Progress | undefined;
  private shown: Progress | undefined;
  private latestRows = 0;
  private readonly isTerminal: boolean;

  /**
   * @param total rows at the end.
   * @param now a monotonic clock, in milliseconds.
   */
  constructor(
    private readonly output: ProgressOutput,
    private readonly total: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.isTerminal = output.isTTY === true;
  }

  /** Sets the rows loaded so far. The rate is measured from the first call. */
  update(rows: number): void {
    const at = this.now();
    this.latestRows = rows;
    this.first ??= { rows, at };
    this.shown ??= this.isTerminal ? undefined : this.first;
    const interval = this.isTerminal ? REDRAW_INTERVAL_MS : LINE_INTERVAL_MS;
    if (this.shown === undefined || at - this.shown.at >= interval) {
      this.show(rows, at);
    }
  }

  /** Shows the final state, if there was any progress. Default: the rows of the last update. */
  finish(rows = this.latestRows): void {
    if (this.first === undefined) {
      return;
    }
    if (this.shown?.rows !== rows) {
      this.show(rows, this.now());
    }
    if (this.isTerminal) {
      this.output.write('\n');
    }
    this.first = undefined;
    this.shown = undefined;
  }

  /** Writes a line of text above the bar. */
  writeLine(text: string): void {
    this.output.write(this.isTerminal ? `\r\u001b[K${text}\n` : `${text}\n`);
  }

  private show(rows: number, at: number): void {
    this.shown = { rows, at };
    const text = this.format(rows, at);
    this.output.write(
      this.isTerminal ? `\r${text.slice(0, (this.output.columns ?? 80) - 1)}\u001b[K` : `${text}\n`,
    );
  }

  private format(rows: number, at: number): string {
    const { first, total } = this;
    const done = Math.min(rows, total);
    const seconds = first === undefined ? 0 : (at - first.at) / 1000;
    const rate =
      first === undefined || seconds === 0 ? 0 : Math.max(0, rows - first.rows) / seconds;
    const filled = Math.floor((done * BAR_WIDTH) / total);
    const bar = this.isTerminal ? `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ` : '';
    const percentage = String(Math.floor((done * 100) / total)).padStart(3);
    const timeLeft = rate === 0 ? '--:--' : formatDuration((total - done) / rate);
    return (
      `${bar}${percentage}%  ${formatNumber(rows)}/${formatNumber(total)} rows  ` +
      `${formatNumber(Math.round(rate))} rows/s  ${timeLeft} left`
    );
  }
}

function formatNumber(number: number): string {
  return number.toLocaleString('en-US');
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  return (hours > 0 ? [hours, ...parts] : parts)
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
