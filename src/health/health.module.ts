import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';

import { AuthModule } from '../auth/auth.module.js';
import { ExternalModule } from '../external/external.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { HealthReport } from './health-report.js';
import { HealthController } from './health.controller.js';
import { OperatorGuard } from './operator.guard.js';
import { Readiness } from './readiness.js';

@Module({
  // Terminus' own log is off, because each dependency logs its failure once.
  imports: [TerminusModule.forRoot({ logger: false }), AuthModule, ExternalModule, WebhooksModule],
  controllers: [HealthController],
  providers: [HealthReport, OperatorGuard, Readiness],
  exports: [HealthReport, OperatorGuard],
})
export class HealthModule {}
