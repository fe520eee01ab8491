// The service's statement for a page, behind Fastify that serializes the rows. It validates, caches, limits, measures
// and logs nothing.
import Fastify from 'fastify';
import process from 'node:process';
import pg from 'pg';

const { HOST: host, PORT: port, DATABASE_URL: connectionString } = process.env;

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
const PAGE = {
  name: 'page',
  text: `
    SELECT page.*
    FROM (
      SELECT
        p.id::text AS id, p.sku, p.name, p.description, p.category, p.price::text AS price, p.currency,
        p.unit, p.producer, p.latitude, p.longitude,
        to_char(p.created_at AT TIME ZONE 'UTC', ${TIME}) AS "createdAt",
        to_char(p.updated_at AT TIME ZONE 'UTC', ${TIME}) AS "updatedAt"
      FROM products p
      WHERE p.deleted_at IS NULL AND p.id > $2::bigint
      ORDER BY p.id
      LIMIT 101
    ) page
    LIMIT $1::int`,
};

const pool = new pg.Pool({ connectionString, max: 10 });
const app = Fastify();
app.get('/health/ready', () => ({ status: 'ok' }));
app.get('/api/products', async (request) => {
  const limit = Number(request.query.limit);
  const { rows } = await pool.query({ ...PAGE, values: [limit + 1, request.query.cursor ?? 0] });
  const data = rows.slice(0, limit);
  return { data, nextCursor: rows.length > limit ? data.at(-1).id : null };
});
await app.listen({ host, port: Number(port) });
