import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { isatty } from 'node:tty';

import type { Environment } from '../config/environment.js';
import { isOfFramework } from './framework.js';
import type { RequestLine } from '../server/request-line.js';

const STDOUT = 1;

/** Nest's names for the levels, from the most to the least talkative. */
const LEVELS: Record<Exclude<Environment['LOG_LEVEL'], 'silent'>, LogLevel> = {
  trace: 'verbose',
  debug: 'debug',
  info: 'log',
  warn: 'warn',
  error: 'error',
};

/** The log as text, for whoever develops the service. */
export class ReadableLogger extends ConsoleLogger {
  constructor(level: Environment['LOG_LEVEL']) {
    const levels = Object.values(LEVELS);
    super({
      colors: isatty(STDOUT),
      logLevels: level === 'silent' ? [] : levels.slice(levels.indexOf(LEVELS[level])),
    });
  }

  override log(message: unknown, ...others: unknown[]): void {
    if (isOfFramework(others)) {
      this.debug(message, ...others);
    } else {
      super.log(message, ...others);
    }
  }

  request({ level, method, url, status, durationMs, fault }: RequestLine): void {
    const told =
      fault === undefined
        ? `${method} ${url} ${status} ${durationMs} ms`
        : `What came is no request: ${fault}`;
    this[level === 'info' ? 'log' : level](told, 'http');
  }
}
