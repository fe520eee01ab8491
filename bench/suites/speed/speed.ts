import { CLOSED_LOOP_SENDER } from '../../load/closed-loop.js';
import { combine } from '../../report/report.js';
import type { Suite } from '../../suite.js';
import { measureLoadCurve } from './load-curve.js';
import { measureStartAndMemory } from './start-and-memory.js';
import { loadSeconds, measureCachedPage, measureUncachedPage } from './throughput.js';

export const speed: Suite = {
  summary: 'throughput compared with Fastify and Express, latency against load, start, memory',
  minutes: 20,
  run: async (bench) => ({
    title: 'Speed',
    method: `${CLOSED_LOOP_SENDER} sends closed loops over 32 connections, ${loadSeconds(bench.seconds)} s each, alternating. Ratios are medians of the rounds. The service runs as in production: a log line for each request, the rate limit counted in Redis, metrics and all headers.`,
    ...combine(
      await measureCachedPage(bench),
      await measureUncachedPage(bench),
      await measureLoadCurve(bench),
      await measureStartAndMemory(bench),
    ),
  }),
};
