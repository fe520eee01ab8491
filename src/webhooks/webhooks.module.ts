import { Module } from '@nestjs/common';

import { AuthModule } from '../auth/auth.module.js';
import { ProductsModule } from '../products/products.module.js';
import { EventLeases } from './event-leases.js';
import { EventInbox } from './event-inbox.js';
import { EventRetention } from './event-retention.js';
import { SignatureGuard } from './signature.guard.js';
import { Subscription } from './subscription.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** Receives catalog changes from API B (a partner) by webhook. */
@Module({
  imports: [AuthModule, ProductsModule],
  controllers: [WebhooksController],
  providers: [
    EventLeases,
    EventInbox,
    EventRetention,
    SignatureGuard,
    Subscription,
    WebhooksService,
  ],
  exports: [Subscription],
})
export class WebhooksModule {}
