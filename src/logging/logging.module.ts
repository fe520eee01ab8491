import { Module } from '@nestjs/common';

import { RequestLog } from './request-log.js';

/** What is written of each request. */
@Module({ providers: [RequestLog] })
export class LoggingModule {}
