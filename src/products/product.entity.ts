import {
  Check,
  Column,
  DeleteDateColumn,
  Entity,
  Index,
  PrimaryGeneratedColumn,
  Unique,
} from 'typeorm';

import {
  CATEGORY_MAX_LENGTH,
  CURRENCY_PATTERN,
  DESCRIPTION_MAX_LENGTH,
  MAX_LATITUDE,
  MAX_LONGITUDE,
  MAX_PRICE,
  MAX_REVISION,
  NAME_MAX_LENGTH,
  PRODUCER_MAX_LENGTH,
  SKU_MAX_LENGTH,
  UNIT_MAX_LENGTH,
} from './product-rules.js';

/**
 * A row of the catalog. A row with `deletedAt` is a tombstone: it is never listed, and its revision decides which late
 * changes are ignored.
 */
@Entity('products')
@Unique('products_sku_key', ['sku'])
@Index('products_id', { synchronize: false })
@Index('products_price', { synchronize: false })
@Index('products_name', { synchronize: false })
@Index('products_created_at', { synchronize: false })
@Index('products_category_id', { synchronize: false })
@Index('products_category_price', { synchronize: false })
@Index('products_category_name', { synchronize: false })
@Index('products_category_created_at', { synchronize: false })
@Check('products_sku_length', `char_length(sku) BETWEEN 1 AND ${SKU_MAX_LENGTH}`)
@Check('products_name_length', `char_length(name) BETWEEN 1 AND ${NAME_MAX_LENGTH}`)
@Check('products_description_length', `char_length(description) <= ${DESCRIPTION_MAX_LENGTH}`)
@Check('products_category_length', `char_length(category) BETWEEN 1 AND ${CATEGORY_MAX_LENGTH}`)
@Check('products_price_range', `price BETWEEN 0 AND ${MAX_PRICE}`)
@Check('products_currency_iso_4217', `currency ~ '${CURRENCY_PATTERN.source}'`)
@Check('products_unit_length', `char_length(unit) BETWEEN 1 AND ${UNIT_MAX_LENGTH}`)
@Check('products_producer_length', `char_length(producer) BETWEEN 1 AND ${PRODUCER_MAX_LENGTH}`)
@Check('products_latitude_range', `latitude BETWEEN -${MAX_LATITUDE} AND ${MAX_LATITUDE}`)
@Check('products_longitude_range', `longitude BETWEEN -${MAX_LONGITUDE} AND ${MAX_LONGITUDE}`)
@Check('products_place_whole', '(latitude IS NULL) = (longitude IS NULL)')
@Check('products_revision_range', `revision BETWEEN 0 AND ${MAX_REVISION}`)
@Check(
  'products_null_only_in_tombstones',
  `deleted_at IS NOT NULL
   OR num_nulls(name, description, category, price, currency, unit, producer) = 0`,
)
export class Product {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  readonly id!: string;

  @Column('text')
  readonly sku!: string;

  @Column({ type: 'text', nullable: true, collation: 'und-x-icu' })
  readonly name!: string | null;

  @Column('text', { nullable: true })
  readonly description!: string | null;

  @Column('text', { nullable: true })
  readonly category!: string | null;

  @Column('numeric', { precision: 12, scale: 2, nullable: true })
  readonly price!: string | null;

  @Column('text', { nullable: true })
  readonly currency!: string | null;

  @Column('text', { nullable: true })
  readonly unit!: string | null;

  @Column('text', { nullable: true })
  readonly producer!: string | null;

  @Column('double precision', { nullable: true })
  readonly latitude!: number | null;

  @Column('double precision', { nullable: true })
  readonly longitude!: number | null;

  @Column('bigint', { default: 0 })
  readonly revision!: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  readonly createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  readonly updatedAt!: Date;

  @DeleteDateColumn({ type: 'timestamptz', name: 'deleted_at' })
  readonly deletedAt!: Date | null;
}
