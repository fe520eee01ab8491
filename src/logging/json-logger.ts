import type { LoggerService } from '@nestjs/common';
import { type Level, type Logger, pino } from 'pino';

import type { Environment } from '../config/environment.js';
import { LogDeduplicator } from './log-deduplicator.js';
import { isOfFramework } from './framework.js';
import { redaction } from './redaction.js';
import type { RequestLine } from '../server/request-line.js';
import { StandardOutput } from './standard-output.js';

/** What a line says besides its level and time. */
type Line = Readonly<Record<string, unknown>>;

/**
 * The log as lines of JSON on stdout, written in the background. What looks like a secret is taken out of every
 * line, and a flood of one message collapses.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;
  private readonly requests: Logger;
  private readonly redact: (text: string) => string;
  private readonly flood = new LogDeduplicator();

  constructor(environment: Environment) {
    this.redact = redaction(environment);
    this.pino = pino(
      {
        level: environment.LOG_LEVEL,
        base: null,
        messageKey: 'message',
        timestamp: isoTime(),
        formatters: { level: (label) => ({ level: label }) },
      },
      new StandardOutput((lines) => {
        this.pino.error(`${lines} lines of the log are lost: they could not be written in time.`);
      }),
    );
    this.requests = this.pino.child({ context: 'http' });
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

  /** The most frequent line by far. Nothing but what a client makes up can hold a secret here. */
  request(line: RequestLine): void {
    const { level, requestId, method, url, route, status, durationMs, client, traceparent } = line;
    if (!this.requests.isLevelEnabled(level)) {
      return;
    }
    this.requests[level]({
      requestId: this.redact(requestId),
      method,
      path: url && this.redact(pathOf(url)),
      route,
      status,
      durationMs,
      client: client && this.redact(client),
      traceparent: traceparent && this.redact(traceparent),
      fault: line.fault,
    });
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

/** Nest adds the context as the last of the others, and to some errors a stack. An object among them holds fields. */
function toLine(message: unknown, others: readonly unknown[]): Line {
  const texts = others.filter((other) => typeof other === 'string');
  const stack = texts.find((text) => /\n\s+at /.test(text));
  const context = texts.findLast((text) => text !== stack);
  if (message instanceof Error) {
    return { context, message: message.message, stack: message.stack };
  }
  const fields = typeof message === 'object' ? message : { message };
  const parameters = Object.assign(
    {},
    ...others.filter((other) => typeof other === 'object'),
  ) as Line;
  return { context, ...fields, ...parameters, ...(stack === undefined ? {} : { stack }) };
}

/** The values of a query are a household's own business. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** The time as pino wants it, written anew only when the millisecond is another one. */
function isoTime(): () => string {
  let at = NaN;
  let written = '';
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      written = `,"time":"${new Date(now).toISOString()}"`;
    }
    return written;
  };
}
