import * as fc from 'fast-check';

import { deleted, upserted } from './signed-event.js';

const MAX_BODY = 256 * 1024;

const sku = fc.oneof(fc.constantFrom('A', 'B', 'C'), fc.string({ unit: 'binary' }));

/** Valid events, events with an invalid field, and other JSON. */
const event = fc.oneof(
  fc.tuple(sku, fc.nat()).map(([key, revision]) => upserted(key, revision)),
  fc.tuple(sku, fc.nat()).map(([key, revision]) => deleted(key, revision)),
  fc
    .tuple(
      fc.constantFrom('sku', 'revision', 'name', 'price', 'currency', 'latitude', 'constructor'),
      fc.jsonValue(),
    )
    .map(([field, value]) => upserted('A', 1, { [field]: value })),
  fc.record(
    { type: fc.jsonValue(), timestamp: fc.jsonValue(), data: fc.jsonValue() },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);

/** Bodies: events that are complete, truncated or corrupted, and other bytes. */
export const hostileBody: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 8, arbitrary: event.map((value) => Buffer.from(JSON.stringify(value))) },
  {
    weight: 2,
    arbitrary: fc.tuple(event, fc.nat()).map(([value, cut]) => {
      const bytes = Buffer.from(JSON.stringify(value));
      return bytes.subarray(0, cut % (bytes.length + 1));
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(event, fc.nat(), fc.nat(255)).map(([value, at, mask]) => {
      const bytes = Buffer.from(JSON.stringify(value));
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
      return bytes;
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.nat(5000).map((depth) => Buffer.from('['.repeat(depth))) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('{"__proto__":{}}', '{"type":"x","a":[{"constructor":{"prototype":1}}]}')
      .map((json) => Buffer.from(json)),
  },
);

/** JSON around and above the body limit. */
export const largeBody = fc
  .constantFrom(MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 2 * MAX_BODY)
  .map((length) => Buffer.from(JSON.stringify('x'.repeat(length - 2))));
