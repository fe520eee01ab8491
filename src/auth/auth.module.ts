import { Module } from '@nestjs/common';

import { TokenProvider } from './token-provider.js';

/** The token with which partners are asked. */
@Module({
  providers: [TokenProvider],
  exports: [TokenProvider],
})
export class AuthModule {}
