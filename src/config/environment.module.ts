import { Global, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';

import { RELEASE } from '../release.js';
import { effectiveSettings } from './effective-settings.js';
import { Environment, loadEnvironment } from './environment.js';
import { environmentWarnings } from './environment-warnings.js';

const environment = registerAs('environment', loadEnvironment);

/** Gives every module the validated {@link Environment}. */
@Global()
@Module({
  imports: [ConfigModule.forFeature(environment)],
  providers: [{ provide: Environment, useExisting: environment.KEY }],
  exports: [Environment],
})
export class EnvironmentModule implements OnModuleInit {
  private readonly logger = new Logger(EnvironmentModule.name);

  constructor(private readonly environment: Environment) {}

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
