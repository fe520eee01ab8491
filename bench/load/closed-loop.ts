import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { locateExecutable } from '../executable.js';
import { toHundredths } from '../statistics.js';
import { sendIsolated } from './isolated-sender.js';
import { type LoadRequest, SEPARATOR, serializeRequest } from './request.js';
import type { Throughput } from './sender-process.js';

export interface ClosedLoop {
  readonly url: string;
  /** Sent in this order, starting again with the first after the last. */
  readonly requests: readonly LoadRequest[];
  readonly seconds: number;
}

/** Enough to keep one process of the service busy. */
const CONNECTIONS = 32;
const wrk = locateExecutable('wrk');
const taskset = locateExecutable('taskset');

/** The program that sends closed loops: wrk if it is installed, because it uses the least CPU time. */
export const CLOSED_LOOP_SENDER = wrk === undefined ? 'bench/load/sender.ts' : 'wrk';

/** Sends as many requests as the service answers: each connection sends its next request after its response. */
export async function sendClosedLoop({ url, requests, seconds }: ClosedLoop): Promise<Throughput> {
  if (wrk === undefined) {
    return await sendIsolated({ url, requests, seconds, connections: CONNECTIONS });
  }
  const directory = mkdtempSync(join(tmpdir(), 'wrk-'));
  const [file, script] = [join(directory, 'requests'), join(directory, 'send.lua')];
  const lines = requests.map((request) => serializeRequest(new URL(url).host, request));
  writeFileSync(file, lines.join(SEPARATOR));
  writeFileSync(script, SCRIPT(file));
  // On the last core only: otherwise the scheduler wakes wrk on the core of the process that has just responded.
  const pinned = taskset === undefined ? [] : [taskset, '-c', String(cpus().length - 1)];
  const options = `-t1 -c${CONNECTIONS} -d${seconds}s --timeout 10s -s`.split(' ');
  const [command, ...args] = [...pinned, wrk, ...options, script, url];
  const { stdout } = await promisify(execFile)(command, args);
  rmSync(directory, { recursive: true });
  const numbers = (/result (.*)/.exec(stdout)?.[1] ?? '').split(' ').map(Number);
  const [sent = NaN, errors = NaN, microseconds = NaN, ...percentiles] = numbers;
  const milliseconds = percentiles.map((value) => toHundredths(value / 1000));
  const [p50 = NaN, p95 = NaN, p99 = NaN, max = NaN] = milliseconds;
  return { perSecond: (sent * 1e6) / microseconds, errors, latency: { p50, p95, p99, max } };
}

/** The requests come from a file, so that the script only has to return the next one. */
const SCRIPT = (file: string) => `
local requests, nth = {}, 0
for request in io.open('${file}', 'rb'):read('*a'):gmatch('[^%z]+') do
  requests[#requests + 1] = request
end
function request()
  nth = nth % #requests + 1
  return requests[nth]
end
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('result %d %d %d %d %d %d %d', summary.requests, failures, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max))
end`;
