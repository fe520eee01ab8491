import { Module } from '@nestjs/common';

import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

/** The probes. */
@Module({
  controllers: [HealthController],
  providers: [Readiness],
})
export class HealthModule {}
