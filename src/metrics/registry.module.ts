import { Global, Module } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

import { RELEASE } from '../release.js';
import { OperatorGuard } from './operator.guard.js';
import { RequestMetrics } from './request-metrics.js';

/** The registry in which every part of the service counts what it does. */
@Global()
@Module({
  providers: [OperatorGuard, RequestMetrics, { provide: Registry, useFactory: createRegistry }],
  exports: [OperatorGuard, Registry, RequestMetrics],
})
export class RegistryModule {}

/** With what there is to say of the process: event loop, memory, garbage collection, the build. */
function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'farmlokal_build_info',
    help: 'The version of the service and of Node.js; always 1.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: RELEASE.version, node: process.versions.node }, 1);
  return registry;
}
