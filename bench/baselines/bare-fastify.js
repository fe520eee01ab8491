// Fastify that sends the same page from memory for every request.
import Fastify from 'fastify';
import { Buffer } from 'node:buffer';
import process from 'node:process';

const { HOST: host, PORT: port, PAGE_URL } = process.env;

const response = await globalThis.fetch(PAGE_URL);
const page = Buffer.from(await response.arrayBuffer());

const app = Fastify();
app.get('/health/ready', () => ({ status: 'ok' }));
app.get('/api/products', (request, reply) => {
  reply.type('application/json; charset=utf-8').send(page);
});
await app.listen({ host, port: Number(port) });
