import type { LoggerService } from '@nestjs/common';
import { destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

import type { Environment } from '../config/environment.js';
import { Flood } from './flood.js';
import { isOfFramework } from './framework.js';
import { redact } from './redaction.js';

/** Bytes that may wait for whoever reads the log. What comes on top of it is lost: the service does not wait for its log. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
const STDOUT = 1;

/**
 * The log as lines of JSON on stdout, written in the background. What looks like a secret is taken out of every
 * line, and a flood of one message collapses.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;
  private readonly flood = new Flood((said, times) => {
    this.pino.warn({ said, times }, 'The same was said too often, and kept back.');
  });
  private lost = 0;

  constructor(level: Environment['LOG_LEVEL']) {
    const stream = destination({ dest: STDOUT, sync: false, maxLength: MAX_WAITING_BYTES });
    this.pino = pino(
      {
        level,
        base: null,
        messageKey: 'message',
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        hooks: { streamWrite: redact },
      },
      stream,
    );
    stream.on('drop', () => {
      this.lost += 1;
    });
    stream.on('drain', () => {
      if (this.lost > 0) {
        this.pino.warn(`${this.lost} lines of the log are lost: nobody has read them in time.`);
        this.lost = 0;
      }
    });
  }

  verbose(message: unknown, ...others: unknown[]): void {
    this.write('trace', message, others);
  }

  debug(message: unknown, ...others: unknown[]): void {
    this.write('debug', message, others);
  }

  log(message: unknown, ...others: unknown[]): void {
    this.write(isOfFramework(others) ? 'debug' : 'info', message, others);
  }

  warn(message: unknown, ...others: unknown[]): void {
    this.write('warn', message, others);
  }

  error(message: unknown, ...others: unknown[]): void {
    this.write('error', message, others);
  }

  fatal(message: unknown, ...others: unknown[]): void {
    this.write('fatal', message, others);
  }

  /** Nest adds the context as the last of the others, and to some errors a stack before it. */
  private write(level: Level, message: unknown, others: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) {
      return;
    }
    const context = others.at(-1);
    const stack = others.length > 1 ? others[0] : undefined;
    const fields = typeof message === 'object' ? { ...message } : { message };
    const line: LogLine = { context, ...fields, ...(stack === undefined ? {} : { stack }) };
    const said = line.stack ?? line.message;
    if (typeof said !== 'string' || !this.flood.keepsBack(said)) {
      this.pino[level](line);
    }
  }
}

interface LogLine {
  readonly context: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
}
