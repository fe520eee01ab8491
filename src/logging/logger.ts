import type { LoggerService } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { JsonLogger } from './json-logger.js';
import { ReadableLogger } from './readable-logger.js';

/** The log of the service: a line of JSON for each message, or plain text in development. */
export function createLogger(environment: Environment): LoggerService {
  return environment.NODE_ENV === 'development'
    ? new ReadableLogger(environment.LOG_LEVEL)
    : new JsonLogger(environment);
}
