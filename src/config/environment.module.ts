import { Global, Module } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';

import { Environment, loadEnvironment } from './environment.js';

const environment = registerAs('environment', loadEnvironment);

/** Gives every module the validated {@link Environment}. */
@Global()
@Module({
  imports: [ConfigModule.forFeature(environment)],
  providers: [{ provide: Environment, useExisting: environment.KEY }],
  exports: [Environment],
})
export class EnvironmentModule {}
