import { type DynamicModule, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';

import { RELEASE } from '../release.js';
import { effectiveSettings } from './effective-settings.js';
import { Environment } from './environment.js';
import { environmentWarnings } from './environment-warnings.js';

/** Gives every module the validated {@link Environment}. */
@Module({})
export class EnvironmentModule implements OnModuleInit {
  private readonly logger = new Logger(EnvironmentModule.name);

  constructor(private readonly environment: Environment) {}

  /** Returns the module with a loaded environment: the HTTP server needs its settings before any module exists. */
  static with(environment: Environment): DynamicModule {
    const config = registerAs('environment', () => environment);
    return {
      module: EnvironmentModule,
      global: true,
      imports: [ConfigModule.forFeature(config)],
      providers: [{ provide: Environment, useExisting: config.KEY }],
      exports: [Environment],
    };
  }

  onModuleInit(): void {
    this.logger.log(`Starting ${RELEASE.name} ${RELEASE.version} on Node.js ${process.version}.`, {
      version: RELEASE.version,
      node: process.version,
      settings: effectiveSettings(this.environment),
    });
    for (const warning of environmentWarnings(this.environment)) {
      this.logger.warn(warning);
    }
  }
}
