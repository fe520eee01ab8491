import { type DynamicModule, Module } from '@nestjs/common';

import type { Environment } from './config/environment.js';
import { EnvironmentModule } from './config/environment.module.js';
import { DatabaseModule } from './database/database.module.js';
import { ENTITIES } from './entities.js';
import { ExternalModule } from './external/external.module.js';
import { HealthModule } from './health/health.module.js';
import { IndexController } from './index.controller.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { RegistryModule } from './metrics/registry.module.js';
import { ProblemsModule } from './problems/problems.module.js';
import { ProductsModule } from './products/products.module.js';
import { RedisModule } from './redis/redis.module.js';
import { ThrottlingModule } from './throttling/throttling.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

@Module({
  imports: [
    RegistryModule,
    ProblemsModule,
    DatabaseModule.forRoot(ENTITIES),
    RedisModule,
    ThrottlingModule,
    ProductsModule,
    ExternalModule,
    WebhooksModule,
    HealthModule,
    MetricsModule,
  ],
  controllers: [IndexController],
})
export class AppModule {
  /** Returns the module with an environment that is already loaded. */
  static with(environment: Environment): DynamicModule {
    return { module: AppModule, imports: [EnvironmentModule.with(environment)] };
  }
}
