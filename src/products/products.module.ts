import { Module } from '@nestjs/common';

import { CacheVersion } from '../response-cache/cache-version.js';
import { ResponseCacheModule } from '../response-cache/response-cache.module.js';
import { CatalogChanges } from './catalog-changes.js';
import { ProductsController } from './products.controller.js';
import { ProductsRepository } from './products.repository.js';
import { ProductsService } from './products.service.js';
import { SkuLookup } from './sku-lookup.js';

/** The catalog of products. Every change of it invalidates the cached responses. */
@Module({
  imports: [ResponseCacheModule],
  controllers: [ProductsController],
  providers: [CatalogChanges, ProductsRepository, ProductsService, SkuLookup],
  exports: [CatalogChanges, SkuLookup],
})
export class ProductsModule {
  constructor(changes: CatalogChanges, version: CacheVersion) {
    changes.subscribe(() => version.invalidate());
  }
}
