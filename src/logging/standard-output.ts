import { constants, openSync, write, writeSync } from 'node:fs';

/** Characters that may wait for whoever reads the log. What comes on top is lost: the service does not wait for its log. */
const MAX_WAITING = 8 * 1024 * 1024;
/** How long lines wait for others: to hand over each by itself costs more than to make it. */
const GATHERING_MS = 20;
/** How long a reader that is behind is left alone. */
const PAUSE_MS = 50;
/** How long the process stays for the last of its log, when it ends. */
const LAST_MS = 1000;
const STDOUT = 1;

/**
 * Writes lines to stdout in the background, many at a time when many come. Whatever is on
 * the other side, a reader that is slow or asleep, a disk that is full, nobody waits for it, and no process stays
 * because of it.
 */
export class StandardOutput {
  private readonly fd = openStdout();
  private waiting: string[] = [];
  private waitingLength = 0;
  /** What was taken from the waiting and not written yet. */
  private rest: Buffer | undefined;
  /** Whether what was taken is in the hands of the system. */
  private writing = false;
  /** Whether the next to be written is under way, or due. */
  private busy = false;
  private lost = 0;

  /** @param tellLost is told how many lines were lost, once lines are written again. */
  constructor(private readonly tellLost: (lines: number) => void) {
    process.once('exit', () => {
      this.writeLast();
    });
  }

  /** Takes a line, with its end. */
  write(line: string): void {
    if (this.waitingLength + line.length > MAX_WAITING) {
      this.lost += 1;
      return;
    }
    this.waiting.push(line);
    this.waitingLength += line.length;
    if (!this.busy) this.gather();
  }

  private gather(): void {
    this.busy = this.waiting.length > 0;
    if (this.busy) this.writeAfter(GATHERING_MS);
  }

  private writeAfter(milliseconds: number): void {
    setTimeout(() => {
      this.writeNext();
    }, milliseconds).unref();
  }

  private writeNext(): void {
    const chunk = this.next();
    if (chunk === undefined) {
      this.gather();
      return;
    }
    this.writing = true;
    write(this.fd, chunk, (error, written) => {
      this.writing = false;
      if (error?.code === 'EAGAIN') {
        this.writeAfter(PAUSE_MS);
        return;
      }
      this.settle(chunk, error === null ? written : undefined);
      if (this.rest === undefined) this.gather();
      else this.writeNext();
    });
  }

  private next(): Buffer | undefined {
    if (this.rest === undefined && this.waiting.length > 0) {
      this.rest = Buffer.from(this.waiting.join(''));
      this.waiting = [];
      this.waitingLength = 0;
    }
    return this.rest;
  }

  /** @param written bytes of the chunk; undefined when it cannot be written at all. */
  private settle(chunk: Buffer, written: number | undefined): void {
    if (written === undefined) {
      this.lost += chunk.toString().split('\n').length - 1;
      this.rest = undefined;
      return;
    }
    this.rest = written < chunk.length ? chunk.subarray(written) : undefined;
    if (this.lost > 0) {
      const { lost } = this;
      this.lost = 0;
      this.tellLost(lost);
    }
  }

  /** What is being written at this moment is in other hands, and left to them. */
  private writeLast(): void {
    const until = performance.now() + LAST_MS;
    if (this.writing) this.rest = undefined;
    for (let chunk = this.next(); chunk !== undefined; chunk = this.next()) {
      try {
        this.settle(chunk, writeSync(this.fd, chunk));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) {
          return;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      }
    }
  }
}

/** Opened anew, a pipe that is full says so instead of blocking. Where that is not allowed, it is used as it is. */
function openStdout(): number {
  try {
    return openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    return STDOUT;
  }
}
