// The listing as a typical application implements it, as far as the benchmarks request it: Express, pg and ioredis, pages
// by cursor, a cache in Redis, a rate limit, and a log line for each request.
import express from 'express';
import { Redis } from 'ioredis';
import process from 'node:process';
import pg from 'pg';

const { HOST, PORT, DATABASE_URL, REDIS_URL } = process.env;
const CACHE_TTL_MS = Number(process.env.CACHE_TTL_MS ?? 30_000);
const THROTTLE_LIMIT = Number(process.env.THROTTLE_LIMIT ?? 300);

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
  if (hits === 1) await redis.pexpire(key, 60_000);
  res.setHeader('X-RateLimit-Limit', THROTTLE_LIMIT);
  res.setHeader('X-RateLimit-Remaining', Math.max(0, THROTTLE_LIMIT - hits));
  if (hits > THROTTLE_LIMIT) {
    res.status(429).json({ error: 'Too many requests' });
    return;
  }
  next();
});

app.get('/api/products', async (req, res) => {
  const limit = Number(req.query.limit ?? 20);
  const cursor = req.query.cursor ?? '0';
  if (!(limit >= 1 && limit <= 100) || !/^\d+$/.test(cursor)) {
    res.status(400).json({ error: 'Invalid parameters' });
    return;
  }
  const key = `products:${JSON.stringify({ limit, cursor })}`;
  const cached = await redis.get(key);
  if (cached) {
    res.json(JSON.parse(cached));
    return;
  }
  const { rows } = await pool.query(
    `SELECT id, sku, name, description, category, price, currency, unit, producer, latitude, longitude,
       created_at AS "createdAt", updated_at AS "updatedAt"
     FROM products WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2`,
    [cursor, limit + 1],
  );
  const data = rows.slice(0, limit);
  const page = { data, nextCursor: rows.length > limit ? data.at(-1).id : null };
  await redis.set(key, JSON.stringify(page), 'PX', CACHE_TTL_MS);
  res.json(page);
});

app.listen(Number(PORT), HOST);
