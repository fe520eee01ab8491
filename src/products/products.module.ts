import { Module } from '@nestjs/common';

import { CatalogueVersion } from './catalogue-version.js';
import { ListingReader } from './listing-reader.js';
import { PageCache } from './page-cache.js';
import { PageStore } from './page-store.js';
import { ProductsController } from './products.controller.js';
import { ProductsRepository } from './products.repository.js';
import { ProductsService } from './products.service.js';
import { SkuLookup } from './sku-lookup.js';

/** The catalogue: its listing, and the caches in front of it. */
@Module({
  controllers: [ProductsController],
  providers: [
    CatalogueVersion,
    ListingReader,
    PageCache,
    PageStore,
    ProductsRepository,
    ProductsService,
    SkuLookup,
  ],
  exports: [CatalogueVersion, SkuLookup],
})
export class ProductsModule {}
