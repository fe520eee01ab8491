import type { LoggerService } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { JsonLogger } from './json-logger.js';
import { ReadableLogger } from './readable-logger.js';
import type { RequestLine } from '../server/request-line.js';

/** A log that takes what is said most often without the detours of what is said now and then. */
export interface ServiceLogger extends LoggerService {
  request(line: RequestLine): void;
}

/** The log of the service: a line of JSON for each message, or plain text in development. */
export function createLogger(environment: Environment): ServiceLogger {
  return environment.NODE_ENV === 'development'
    ? new ReadableLogger(environment.LOG_LEVEL)
    : new JsonLogger(environment);
}
