import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { signatureHeaders } from '../test/support/signed-event.js';
import { findExecutable } from './executable.js';

const CALLBACK = '/api/webhooks/catalog';

/** An event that is to be sent. */
export interface Sent {
  readonly id: string;
  readonly body: string;
}

/** What came of a load. */
export interface Answered {
  /** Answers a second. */
  readonly rate: number;
  /** Answers that are no 2xx, and requests without one. */
  readonly failures: number;
}

/**
 * Sends signed events with wrk, one after the other from each of its connections. They are signed and
 * written down beforehand: signing and sending from Node would cost more than taking them does.
 */
export class SignedLoad {
  private readonly wrk = findExecutable('wrk', 'wrk');

  constructor(private readonly connections: number) {}

  /** Sends for so many seconds; when all are sent, it begins again with the first. */
  async run(url: string, events: readonly Sent[], seconds: number): Promise<Answered> {
    const directory = mkdtempSync(join(tmpdir(), 'signed-load-'));
    const requests = join(directory, 'requests');
    const script = join(directory, 'send.lua');
    const { host } = new URL(url);
    writeFileSync(requests, events.map((event) => toRequest(host, event)).join(SEPARATOR));
    writeFileSync(script, lua(requests));
    const load = ['-t1', `-c${this.connections}`, `-d${seconds}s`, '-s', script, url];
    const { stdout } = await promisify(execFile)(this.wrk, load, {
      timeout: (seconds + 30) * 1000,
    });
    rmSync(directory, { recursive: true });
    const [, answers, failures, microseconds] = /told (\d+) (\d+) (\d+)/.exec(stdout) ?? [];
    return {
      rate: Math.round(Number(answers) / (Number(microseconds) / 1e6)),
      failures: Number(failures),
    };
  }
}

/** Stands in no request. */
const SEPARATOR = '\0';

function toRequest(host: string, { id, body }: Sent): string {
  const headers = {
    host,
    'content-length': Buffer.byteLength(body),
    ...signatureHeaders(body, { id }),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${CALLBACK} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function lua(requests: string): string {
  return `
local requests, nth = {}, 0
for request in io.open('${requests}', 'rb'):read('*a'):gmatch('[^%z]+') do
  requests[#requests + 1] = request
end
function request()
  nth = nth % #requests + 1
  return requests[nth]
end
function done(summary)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('told %d %d %d', summary.requests, failures, summary.duration))
end`;
}
