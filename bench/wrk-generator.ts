import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { locateExecutable } from './executable.js';
import type {
  Generated,
  GeneratedLoad,
  GeneratedRequest,
  LoadGenerator,
} from './load-generator.js';

/**
 * Sends with wrk, which reads the requests from a file: its script has nothing to do but to take the next. It stays on
 * the last core where it can be kept there: else it is woken, now and then, on the core of the process that has just
 * answered it, and the two take turns.
 */
export class WrkGenerator implements LoadGenerator {
  readonly name = 'wrk';

  private readonly command: readonly string[];

  constructor(executable: string) {
    const taskset = locateExecutable('taskset');
    this.command =
      taskset === undefined
        ? [executable]
        : [taskset, '--cpu-list', String(cpus().length - 1), executable];
  }

  async run({ url, requests, connections, seconds, rate }: GeneratedLoad): Promise<Generated> {
    const directory = mkdtempSync(join(tmpdir(), 'wrk-'));
    try {
      const file = join(directory, 'requests');
      const script = join(directory, 'send.lua');
      const { host } = new URL(url);
      writeFileSync(file, requests.map((request) => toBytes(host, request)).join(SEPARATOR));
      writeFileSync(script, SEND(file) + (rate === undefined ? '' : PACE(rate)));
      const [command = '', ...first] = this.command;
      const { stdout } = await promisify(execFile)(
        command,
        [
          ...first,
          '-t1',
          `-c${connections}`,
          `-d${seconds}s`,
          '--timeout',
          '10s',
          '-s',
          script,
          url,
        ],
        { timeout: (seconds + 30) * 1000 },
      );
      return parse(stdout);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}

/** Stands in no request. */
export const SEPARATOR = '\0';

export function toBytes(host: string, request: GeneratedRequest): string {
  const { method = 'GET', path, body = '' } = request;
  const headers = {
    host,
    ...(method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...request.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function parse(stdout: string): Generated {
  const told = /told (.*)/.exec(stdout)?.[1] ?? '';
  const [requests = NaN, errors = NaN, duration = NaN, late = NaN, ...latencies] = told
    .split(' ')
    .map((microseconds) => Number(microseconds));
  const [p50 = NaN, p95 = NaN, p99 = NaN, max = NaN] = latencies.map(inMilliseconds);
  const rate = Math.round(requests / (duration / 1e6));
  return { requests, rate, errors, p50, p95, p99, max, late: inMilliseconds(late) };
}

/** To a hundredth. */
function inMilliseconds(microseconds: number): number {
  return Math.round(microseconds / 10) / 100;
}

const SEND = (file: string) => `
local requests, nth = {}, 0
for request in io.open('${file}', 'rb'):read('*a'):gmatch('[^%z]+') do
  requests[#requests + 1] = request
end
late = 0
function request()
  nth = nth % #requests + 1
  return requests[nth]
end
function setup(thread)
  sender = thread
end
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('told %d %d %d %d %d %d %d %d',
    summary.requests, failures, summary.duration, sender:get('late'),
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max))
end`;

/** A connection that is free takes the next moment that something is due, and waits for it. */
const PACE = (rate: number) => `
local ffi = require('ffi')
ffi.cdef('typedef struct { long seconds, microseconds; } timeval; int gettimeofday(timeval *, void *);')
local clock, due = ffi.new('timeval'), nil
function delay()
  ffi.C.gettimeofday(clock, nil)
  local now = tonumber(clock.seconds) * 1e6 + tonumber(clock.microseconds)
  due = due and due + ${1e6 / rate} or now
  late = math.max(late, now - due)
  return math.max(0, math.ceil((due - now) / 1000))
end`;
