import type { LoggerService } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { JsonLogger } from './json-logger.js';
import { ReadableLogger } from './readable-logger.js';

/** The log of the service: a line of JSON for each message, or plain text in development. */
export function createLogger({ LOG_LEVEL, NODE_ENV }: Environment): LoggerService {
  return NODE_ENV === 'development' ? new ReadableLogger(LOG_LEVEL) : new JsonLogger(LOG_LEVEL);
}
