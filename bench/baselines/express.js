// The listing as it is mostly written: Express, pg and ioredis, with pages by cursor, a cache in front of the
// database under keys made from the parameters, a rate limit, a log line for each request.
import express from 'express';
import { Redis } from 'ioredis';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import pg from 'pg';

const { HOST, PORT, DATABASE_URL, REDIS_URL } = process.env;
const CACHE_TTL_MS = Number(process.env.CACHE_TTL_MS ?? 30_000);
const THROTTLE_LIMIT = Number(process.env.THROTTLE_LIMIT ?? 300);
const THROTTLE_TTL_MS = 60_000;
const SORTS = ['id', 'price', 'name', 'created_at'];

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
const redis = new Redis(REDIS_URL);
const app = express();

app.use((req, res, next) => {
  const started = process.hrtime.bigint();
  res.on('finish', () => {
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    const size = res.getHeader('content-length') ?? '-';
    process.stdout.write(
      `${req.ip} [${new Date().toISOString()}] "${req.method} ${req.originalUrl}" ${res.statusCode} ${size} ${ms.toFixed(3)} ms\n`,
    );
  });
  next();
});

app.get('/health/ready', (req, res) => {
  res.json({ status: 'ok' });
});

app.use('/api', async (req, res, next) => {
  const key = `ratelimit:${req.ip}`;
  const hits = await redis.incr(key);
  if (hits === 1) await redis.pexpire(key, THROTTLE_TTL_MS);
  res.setHeader('X-RateLimit-Limit', THROTTLE_LIMIT);
  res.setHeader('X-RateLimit-Remaining', Math.max(0, THROTTLE_LIMIT - hits));
  if (hits > THROTTLE_LIMIT) {
    res.status(429).json({ error: 'Too many requests' });
    return;
  }
  next();
});

app.get('/api/products', async (req, res) => {
  const { sort = 'id', order = 'asc', category, minPrice, maxPrice, cursor } = req.query;
  const limit = Number(req.query.limit ?? 20);
  if (!(limit >= 1 && limit <= 100) || !SORTS.includes(sort) || !['asc', 'desc'].includes(order)) {
    res.status(400).json({ error: 'Invalid parameters' });
    return;
  }
  const parameters = { limit, sort, order, category, minPrice, maxPrice, cursor };
  const key = `products:${JSON.stringify(parameters)}`;
  const cached = await redis.get(key);
  if (cached) {
    res.json(JSON.parse(cached));
    return;
  }
  const page = await readPage(parameters);
  await redis.set(key, JSON.stringify(page), 'PX', CACHE_TTL_MS);
  res.json(page);
});

async function readPage({ limit, sort, order, category, minPrice, maxPrice, cursor }) {
  const values = [];
  const conditions = ['deleted_at IS NULL'];
  if (category !== undefined) conditions.push(`category = $${values.push(category)}`);
  if (minPrice !== undefined) conditions.push(`price >= $${values.push(minPrice)}`);
  if (maxPrice !== undefined) conditions.push(`price <= $${values.push(maxPrice)}`);
  if (cursor !== undefined) {
    const after = order === 'asc' ? '>' : '<';
    if (sort === 'id') {
      conditions.push(`id ${after} $${values.push(cursor)}`);
    } else {
      const [value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
      conditions.push(`(${sort}, id) ${after} ($${values.push(value)}, $${values.push(id)})`);
    }
  }
  const { rows } = await pool.query(
    `SELECT id, sku, name, description, category, price, currency, unit, producer, latitude, longitude,
       created_at AS "createdAt", updated_at AS "updatedAt"
     FROM products WHERE ${conditions.join(' AND ')}
     ORDER BY ${sort} ${order}, id ${order} LIMIT $${values.push(limit + 1)}`,
    values,
  );
  const data = rows.slice(0, limit);
  const last = rows.length > limit ? data.at(-1) : undefined;
  return { data, nextCursor: last ? cursorOf(last, sort) : null };
}

function cursorOf(row, sort) {
  if (sort === 'id') return row.id;
  const value = sort === 'created_at' ? row.createdAt : row[sort];
  return Buffer.from(JSON.stringify([value, row.id])).toString('base64url');
}

app.listen(Number(PORT), HOST);
