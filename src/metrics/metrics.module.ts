import { Module } from '@nestjs/common';

import { HealthModule } from '../health/health.module.js';
import { MetricsController } from './metrics.controller.js';

/** The page that shows operators what this replica has counted, and people how it is. */
@Module({ imports: [HealthModule], controllers: [MetricsController] })
export class MetricsModule {}
