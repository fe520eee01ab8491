import { Global, Module } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

import { RELEASE } from '../release.js';
import { RequestMetrics } from './request-metrics.js';

/** The Prometheus registry of every module. */
@Global()
@Module({
  providers: [RequestMetrics, { provide: Registry, useFactory: createRegistry }],
  exports: [Registry, RequestMetrics],
})
export class RegistryModule {}

/** A registry with the metrics of the process: event loop, memory, garbage collection, build. */
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
