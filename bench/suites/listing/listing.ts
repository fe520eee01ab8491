import { combine } from '../../report/report.js';
import type { Suite } from '../../suite.js';
import { measureDepth } from './depth.js';
import { measureLatency } from './latency.js';

export const listing: Suite = {
  summary: 'latency of pages read from PostgreSQL, by filter, sort and depth',
  minutes: 4,
  run: async (bench) => ({
    title: 'The listing under load',
    method:
      'Requests are sent at a constant rate, even while responses are slow. Latency counts from when a request was due. An error is any response without the expected products and `nextCursor`.',
    ...combine(await measureLatency(bench), await measureDepth(bench)),
  }),
};
