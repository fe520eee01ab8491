import { Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';

import { MetricsController } from './metrics.controller.js';

/** The registry in which every part of the service counts what it does, and the page that shows it. */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [{ provide: Registry, useFactory: () => new Registry() }],
  exports: [Registry],
})
export class MetricsModule {}
