import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';

import { AuthModule } from '../auth/auth.module.js';
import { ExternalModule } from '../external/external.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { HealthReport } from './health-report.js';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

/** The probes, and the report of every dependency. */
@Module({
  // Each dependency logs its own outage, once.
  imports: [TerminusModule.forRoot({ logger: false }), AuthModule, ExternalModule, WebhooksModule],
  controllers: [HealthController],
  providers: [HealthReport, Readiness],
  exports: [HealthReport],
})
export class HealthModule {}
