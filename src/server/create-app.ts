import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

import { AppModule } from '../app.module.js';
import { loadEnvironment } from '../config/environment.js';
import { createLogger } from '../logging/logger.js';
import { RequestMetrics } from '../metrics/request-metrics.js';
import { ProblemFilter } from '../problems/problem.filter.js';
import { RateLimitGuard } from '../throttling/rate-limit.guard.js';
import { AccessLog } from './access-log.js';
import { ClientAddresses } from './client-address.js';
import { CorsPolicy } from './cors.js';
import { fastifyOptions } from './fastify-options.js';
import { handleFrameworkErrors } from './framework-errors.js';
import { addOtherMethods, collectRoutes } from './method-not-allowed.js';
import { setUpOpenApi } from './openapi.js';
import { readRawBodies } from './raw-body.js';
import { RequestEntry } from './request-entry.js';

/**
 * Creates the application. It does not listen yet.
 *
 * @throws InvalidEnvironmentError when a variable is missing or invalid.
 */
export async function createApp(): Promise<NestFastifyApplication> {
  const environment = loadEnvironment();
  const logger = createLogger(environment);
  const adapter = new FastifyAdapter(fastifyOptions(environment, logger));
  const fastify = adapter.getInstance();
  readRawBodies(fastify);
  const routes = collectRoutes(fastify);

  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(environment),
    adapter,
    { abortOnError: false, bodyParser: false, logger },
  );
  const entry = new RequestEntry(
    fastify,
    new AccessLog(logger, app.get(RequestMetrics)),
    new ClientAddresses(environment.TRUST_PROXY),
    environment.CORS_ORIGINS && new CorsPolicy(environment.CORS_ORIGINS),
    app.get(RateLimitGuard),
  );
  // Nest's slot for the first hook: fastify.addHook would run after Nest has answered targets that are no path.
  adapter.setOnRequestHook((request, reply, done) => {
    entry.enter(request, reply, done);
  });
  handleFrameworkErrors(fastify, entry, app.get(ProblemFilter));
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  if (environment.DOCS_ENABLED) setUpOpenApi(app, environment.CURRENCY);

  await app.init();
  addOtherMethods(fastify, routes);
  return app;
}
