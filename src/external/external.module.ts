import { Module } from '@nestjs/common';

import { AuthModule } from '../auth/auth.module.js';
import { ProductsModule } from '../products/products.module.js';
import { AvailabilityController } from './availability.controller.js';
import { AvailabilityService } from './availability.service.js';
import { InventoryClient } from './inventory-client.js';
import { StockCache } from './stock-cache.js';

/** The availability of products, from the inventory of a partner (API A). */
@Module({
  imports: [AuthModule, ProductsModule],
  controllers: [AvailabilityController],
  providers: [AvailabilityService, InventoryClient, StockCache],
  exports: [InventoryClient],
})
export class ExternalModule {}
