import type { Program } from '../testbed.js';

/** Sends the bytes of `PAGE_URL` for every request. */
export const BARE_FASTIFY: Program = ['bench/baselines/bare-fastify.js'];
/** Runs the statement of the listing and nothing else. */
export const FASTIFY_PG: Program = ['bench/baselines/fastify-pg.js'];
/** The listing as a typical Express application implements it. */
export const EXPRESS: Program = ['bench/baselines/express.js'];
/** A stub of API A and of the OAuth provider. */
export const INVENTORY_STUB: Program = ['bench/baselines/inventory-stub.js'];
