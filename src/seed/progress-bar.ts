const REDRAW_MS = 100;
const LINE_MS = 3000;
const CELLS = 16;

/** Where a {@link ProgressBar} draws: standard output, or what a test puts in its place. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Shows how far a load of rows is: share, rows, rows a second and the time left. On a terminal it is one
 * line, redrawn at most ten times a second; elsewhere a plain line every three seconds.
 */
export class ProgressBar {
  private first: { readonly rows: number; readonly at: number } | undefined;
  private shown: { readonly rows: number; readonly at: number } | undefined;
  private latest = 0;
  private readonly terminal: boolean;

  /**
   * @param total the rows at the end
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    private readonly output: ProgressOutput,
    private readonly total: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.terminal = output.isTTY === true;
  }

  /** Takes the rows reached; the first call sets where the rate is counted from. */
  update(rows: number): void {
    const at = this.now();
    this.latest = rows;
    this.first ??= { rows, at };
    this.shown ??= this.terminal ? undefined : this.first;
    if (this.shown === undefined || at - this.shown.at >= (this.terminal ? REDRAW_MS : LINE_MS)) {
      this.show(rows, at);
    }
  }

  /** Shows where it ended, by default at the last rows taken. Without any, there is nothing to show. */
  finish(rows = this.latest): void {
    if (this.first === undefined) {
      return;
    }
    if (this.shown?.rows !== rows) {
      this.show(rows, this.now());
    }
    if (this.terminal) {
      this.output.write('\n');
    }
    this.first = undefined;
    this.shown = undefined;
  }

  /** Writes a line of text without tearing the bar. */
  say(text: string): void {
    this.output.write(this.terminal ? `\r\u001b[K${text}\n` : `${text}\n`);
  }

  private show(rows: number, at: number): void {
    this.shown = { rows, at };
    const text = this.describe(rows, at);
    this.output.write(
      this.terminal ? `\r${text.slice(0, (this.output.columns ?? 80) - 1)}\u001b[K` : `${text}\n`,
    );
  }

  private describe(rows: number, at: number): string {
    const { first, total } = this;
    const seconds = first === undefined ? 0 : (at - first.at) / 1000;
    const rate =
      first === undefined || seconds === 0 ? 0 : Math.max(0, rows - first.rows) / seconds;
    const filled = Math.floor((Math.min(rows, total) * CELLS) / total);
    const bar = this.terminal ? `[${'#'.repeat(filled)}${'.'.repeat(CELLS - filled)}] ` : '';
    const left = rate === 0 ? '--:--' : clock((total - Math.min(rows, total)) / rate);
    return (
      `${bar}${String(Math.floor((Math.min(rows, total) * 100) / total)).padStart(3)}%  ${grouped(rows)}/${grouped(total)} rows  ` +
      `${grouped(Math.round(rate))} rows/s  ${left} left`
    );
  }
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  return (hours > 0 ? [hours, ...parts] : parts)
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
