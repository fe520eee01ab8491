import type { LoggerService } from '@nestjs/common';
import { type Level, type Logger, pino, stdTimeFunctions } from 'pino';

import type { Environment } from '../config/environment.js';
import { Flood } from './flood.js';
import { isOfFramework } from './framework.js';
import { redaction } from './redaction.js';
import { StandardOutput } from './standard-output.js';

/** What a line says besides its level and time. */
type Line = Readonly<Record<string, unknown>>;

/**
 * The log as lines of JSON on stdout, written in the background. What looks like a secret is taken out of every
 * line, and a flood of one message collapses.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;
  private readonly redact: (text: string) => string;
  private readonly flood = new Flood();

  constructor(environment: Environment) {
    this.redact = redaction(environment);
    this.pino = pino(
      {
        level: environment.LOG_LEVEL,
        base: null,
        messageKey: 'message',
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      new StandardOutput((lines) => {
        this.pino.error(`${lines} lines of the log are lost: they could not be written in time.`);
      }),
    );
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

  private write(level: Level, message: unknown, others: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) {
      return;
    }
    const line = this.withoutSecrets(toLine(message, others));
    const said = line.stack ?? line.message;
    const keptBack =
      typeof said === 'string' &&
      this.flood.keepsBack(said, (times) => {
        this.pino[level]({ said, times }, 'The same was said too often, and kept back.');
      });
    if (!keptBack) {
      this.pino[level](line);
    } else if (line.requestId !== undefined) {
      // Of a request that is told apart by its id, so much has to be found under it.
      const [message] = said.split('\n', 1);
      this.pino[level]({ context: line.context, requestId: line.requestId, message });
    }
  }

  private withoutSecrets(line: Line): Line {
    const told: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(line)) {
      told[name] = typeof value === 'string' ? this.redact(value) : value;
    }
    return told;
  }
}

/** Nest adds the context as the last of the others, and to some errors a stack. */
function toLine(message: unknown, others: readonly unknown[]): Line {
  const stack = others.find((other) => typeof other === 'string' && /\n\s+at /.test(other));
  const context = others.findLast((other) => other !== stack);
  if (message instanceof Error) {
    return { context, message: message.message, stack: message.stack };
  }
  const fields = typeof message === 'object' ? message : { message };
  return { context, ...fields, ...(stack === undefined ? {} : { stack }) };
}
