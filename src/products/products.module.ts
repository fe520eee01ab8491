import { Module } from '@nestjs/common';

import { CatalogChanges } from './catalog-changes.js';
import { CatalogVersion } from '../response-cache/catalog-version.js';
import { ResponseCache } from '../response-cache/response-cache.js';
import { RedisResponseStore } from '../response-cache/redis-response-store.js';
import { ProductsController } from './products.controller.js';
import { ProductsRepository } from './products.repository.js';
import { ProductsService } from './products.service.js';
import { SkuLookup } from './sku-lookup.js';

/** The catalogue: its listing, and the caches in front of it. */
@Module({
  controllers: [ProductsController],
  providers: [
    CatalogChanges,
    CatalogVersion,
    ResponseCache,
    RedisResponseStore,
    ProductsRepository,
    ProductsService,
    SkuLookup,
  ],
  exports: [CatalogChanges, SkuLookup],
})
export class ProductsModule {
  constructor(changes: CatalogChanges, version: CatalogVersion) {
    changes.subscribe(() => version.change());
  }
}
