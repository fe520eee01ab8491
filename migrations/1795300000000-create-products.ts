import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Creates the catalog and the indexes of its listing.
 *
 * Every index is partial (`deleted_at IS NULL`), so that tombstones cost the listing nothing. An index that begins with
 * the category orders its sort column NULLS FIRST, although the column is never null. The plain index cannot provide this
 * order. Otherwise the planner would scan the plain index and filter by category whenever rows were inserted in the
 * requested order.
 *
 * The included columns let an index-only scan filter by price under another sort.
 */
export class CreateProducts1795300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE products (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sku text NOT NULL UNIQUE,
        name text COLLATE "und-x-icu",
        description text,
        category text,
        price numeric(12, 2),
        currency text,
        unit text,
        producer text,
        latitude double precision,
        longitude double precision,
        revision bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        CONSTRAINT products_sku_length CHECK (char_length(sku) BETWEEN 1 AND 200),
        CONSTRAINT products_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
        CONSTRAINT products_description_length CHECK (char_length(description) <= 5000),
        CONSTRAINT products_category_length CHECK (char_length(category) BETWEEN 1 AND 100),
        CONSTRAINT products_price_range CHECK (price BETWEEN 0 AND 9999999999.99),
        CONSTRAINT products_currency_iso_4217 CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT products_unit_length CHECK (char_length(unit) BETWEEN 1 AND 200),
        CONSTRAINT products_producer_length CHECK (char_length(producer) BETWEEN 1 AND 200),
        CONSTRAINT products_latitude_range CHECK (latitude BETWEEN -90 AND 90),
        CONSTRAINT products_longitude_range CHECK (longitude BETWEEN -180 AND 180),
        CONSTRAINT products_place_whole CHECK ((latitude IS NULL) = (longitude IS NULL)),
        CONSTRAINT products_revision_range CHECK (revision BETWEEN 0 AND 9007199254740991),
        CONSTRAINT products_null_only_in_tombstones CHECK (
          deleted_at IS NOT NULL
          OR num_nulls(name, description, category, price, currency, unit, producer) = 0
        )
      )
    `);
    for (const column of ['id', 'price', 'name', 'created_at']) {
      const tieBreak = column === 'id' ? '' : ', id';
      const include = column === 'price' ? 'name, created_at' : 'price';
      await runner.query(`
        CREATE INDEX products_${column}
        ON products (${column}${tieBreak}) INCLUDE (${include}) WHERE deleted_at IS NULL
      `);
      await runner.query(`
        CREATE INDEX products_category_${column}
        ON products (category, ${column} NULLS FIRST${tieBreak}) INCLUDE (${include})
        WHERE deleted_at IS NULL
      `);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE products');
  }
}
