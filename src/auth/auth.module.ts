import { Module } from '@nestjs/common';

import { TokenProvider } from './token-provider.js';

/** The OAuth access token for requests to partners. */
@Module({
  providers: [TokenProvider],
  exports: [TokenProvider],
})
export class AuthModule {}
