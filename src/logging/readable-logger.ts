import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { isatty } from 'node:tty';

import type { Environment } from '../config/environment.js';
import { isFromFramework } from './framework.js';
import type { RequestLine } from './request-line.js';

const STDOUT = 1;

/** Nest's names of the levels, from the lowest to the highest. */
const LEVELS: Record<Exclude<Environment['LOG_LEVEL'], 'silent'>, LogLevel> = {
  trace: 'verbose',
  debug: 'debug',
  info: 'log',
  warn: 'warn',
  error: 'error',
};

/** Logs plain text, for development. */
export class ReadableLogger extends ConsoleLogger {
  constructor(level: Environment['LOG_LEVEL']) {
    const levels = Object.values(LEVELS);
    super({
      colors: isatty(STDOUT),
      logLevels: level === 'silent' ? [] : levels.slice(levels.indexOf(LEVELS[level])),
    });
  }

  override log(message: unknown, ...others: unknown[]): void {
    if (isFromFramework(others)) {
      this.debug(message, ...others);
    } else {
      super.log(message, ...others);
    }
  }

  request({ level, method, url, status, durationMs, fault }: RequestLine): void {
    const message =
      fault === undefined
        ? `${method} ${url} ${status} ${durationMs} ms`
        : `Received bytes that are not an HTTP request: ${fault}`;
    this[level === 'info' ? 'log' : level](message, 'http');
  }
}
