import type { LoggerService } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { JsonLogger } from './json-logger.js';
import { ReadableLogger } from './readable-logger.js';
import type { RequestLine } from './request-line.js';

export interface ServiceLogger extends LoggerService {
  /** Logs a request. A method of its own, because it is the most frequent line and takes a shorter path. */
  request(line: RequestLine): void;
}

/** The logger of the service: JSON lines, or plain text in development. */
export function createLogger(environment: Environment): ServiceLogger {
  return environment.NODE_ENV === 'development'
    ? new ReadableLogger(environment.LOG_LEVEL)
    : new JsonLogger(environment);
}
