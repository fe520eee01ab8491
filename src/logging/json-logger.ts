import type { LoggerService } from '@nestjs/common';
import { type Level, type Logger, pino } from 'pino';

import type { Environment } from '../config/environment.js';
import { LogDeduplicator } from './log-deduplicator.js';
import { isFromFramework } from './framework.js';
import { redaction } from './redaction.js';
import type { RequestLine } from './request-line.js';
import { createStandardOutput } from './standard-output.js';

/** The fields of a line besides its level and time. */
type Line = Readonly<Record<string, unknown>>;

/** Logs lines of JSON to stdout in the background. Secrets are redacted, and repeated messages are suppressed. */
export class JsonLogger implements LoggerService {
  private readonly pino: Logger;
  private readonly requests: Logger;
  private readonly redact: (text: string) => string;
  private readonly deduplicator = new LogDeduplicator();

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
      createStandardOutput((lines) => {
        this.pino.error(
          `Dropped ${lines} lines of the log: stdout does not accept them fast enough.`,
        );
      }),
    );
    this.requests = this.pino.child({ context: 'http' });
  }

  verbose(message: unknown, ...parameters: unknown[]): void {
    this.write('trace', message, parameters);
  }

  debug(message: unknown, ...parameters: unknown[]): void {
    this.write('debug', message, parameters);
  }

  log(message: unknown, ...parameters: unknown[]): void {
    this.write(isFromFramework(parameters) ? 'debug' : 'info', message, parameters);
  }

  warn(message: unknown, ...parameters: unknown[]): void {
    this.write('warn', message, parameters);
  }

  error(message: unknown, ...parameters: unknown[]): void {
    this.write('error', message, parameters);
  }

  fatal(message: unknown, ...parameters: unknown[]): void {
    this.write('fatal', message, parameters);
  }

  /** Redacts only the fields that a client chooses. */
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

  private write(level: Level, message: unknown, parameters: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) {
      return;
    }
    const line = this.redactLine(toLine(message, parameters));
    const text = line.stack ?? line.message;
    const isSuppressed =
      typeof text === 'string' &&
      this.deduplicator.shouldSuppress(text, (times) => {
        this.pino[level](
          { suppressed: text, times },
          'Suppressed a message that was logged too often.',
        );
      });
    if (!isSuppressed) {
      this.pino[level](line);
    } else if (line.requestId !== undefined) {
      // A client may quote its requestId, so the log has a line for each.
      const [firstLine] = text.split('\n', 1);
      this.pino[level]({ context: line.context, requestId: line.requestId, message: firstLine });
    }
  }

  private redactLine(line: Line): Line {
    const redacted: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(line)) {
      redacted[name] = typeof value === 'string' ? this.redact(value) : value;
    }
    return redacted;
  }
}

/** Nest passes the context last, a stack before it for some errors. An object contains fields. */
function toLine(message: unknown, parameters: readonly unknown[]): Line {
  const texts = parameters.filter((parameter) => typeof parameter === 'string');
  const stack = texts.find((text) => /\n\s+at /.test(text));
  const context = texts.findLast((text) => text !== stack);
  if (message instanceof Error) {
    return { context, message: message.message, stack: message.stack };
  }
  const fields = typeof message === 'object' ? message : { message };
  const moreFields = Object.assign(
    {},
    ...parameters.filter((parameter) => typeof parameter === 'object'),
  ) as Line;
  return { context, ...fields, ...moreFields, ...(stack === undefined ? {} : { stack }) };
}

/** The query is not logged, because it can contain a household's location. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** The time in pino's form, formatted once a millisecond. */
function isoTime(): () => string {
  let formattedAt = NaN;
  let formatted = '';
  return () => {
    const now = Date.now();
    if (now !== formattedAt) {
      formattedAt = now;
      formatted = `,"time":"${new Date(now).toISOString()}"`;
    }
    return formatted;
  };
}
