// A separate process that sends one load, so that its event loop and its CPU time are the sender's alone.
import { readFileSync } from 'node:fs';

import { type Counts, countBy, type Latency, summarize } from '../statistics.js';
import { SEPARATOR } from './request.js';
import { isAccepted } from './response.js';
import { type Exchange, type Rate, Sender } from './sender.js';

export interface SenderOrder extends Rate {
  readonly url: string;
  /** The requests, each followed by {@link SEPARATOR}. */
  readonly file: string;
}

/** The outcome of a load. */
export interface Throughput {
  /** Accepted responses (2xx or 304) a second. */
  readonly perSecond: number;
  /** Requests without an accepted response. */
  readonly errors: number;
  /** From when a request was due to the end of its accepted response. */
  readonly latency: Latency;
}

export interface SenderResult extends Throughput {
  readonly sent: number;
  /** Responses 503 with Retry-After, by problem type. */
  readonly refusals: Counts;
  /** All other requests without an accepted response, by reason. */
  readonly faults: Counts;
  /** From sending a request on an open connection to the end of its accepted response. */
  readonly sentLatency: Latency;
  readonly refusedLatency: Latency;
  readonly connectLatency: Latency;
  /** CPU time of the sender for each request. */
  readonly cpuMicroseconds: number;
  /** CPU time of the sender as a share of one core. */
  readonly cpuShare: number;
}

process.once('message', (order: SenderOrder) => {
  void send(order).then((result) => {
    process.send?.(result);
    process.disconnect();
  });
});
// The parent has the result or is gone: open connections must not keep this process alive.
process.once('disconnect', () => {
  process.exit();
});

async function send({ file, ...options }: SenderOrder): Promise<SenderResult> {
  const requests = readRequests(file);
  const repeats = options.seconds !== undefined;
  const latencies = { due: [] as number[], sent: [] as number[], refused: [] as number[] };
  const refusals: string[] = [];
  const faults: string[] = [];
  let inTime = 0;
  const onExchange = ({ dueAt, sentAt, endedAt, result }: Exchange<Buffer>): void => {
    if (typeof result === 'string') {
      faults.push(result);
    } else if (isAccepted(result)) {
      // Responses that come after the end do not count.
      if (endedAt < sender.endsAt) inTime += 1;
      latencies.due.push(endedAt - dueAt);
      latencies.sent.push(endedAt - sentAt);
    } else {
      const type = /urn:problem-type:[\w-]+:([\w-]+)/.exec(result.body.toString('latin1'))?.[1];
      const hasRetryAfter = /\nretry-after: *\d/i.test(result.head);
      if (result.status === 503 && hasRetryAfter) {
        latencies.refused.push(endedAt - sentAt);
        refusals.push(type ?? 'no problem type');
      } else {
        const header = hasRetryAfter ? 'with' : 'without';
        faults.push(`status ${result.status} ${header} Retry-After (${type ?? 'no problem type'})`);
      }
    }
  };
  let nth = 0;
  const next = () => requests[repeats ? nth++ % requests.length : nth++];
  const [startedAt, cpuAtStart] = [performance.now(), process.cpuUsage()];
  const sender = new Sender<Buffer>({ ...options, next, bytesOf: (bytes) => bytes, onExchange });
  await sender.finished;
  const { user, system } = process.cpuUsage(cpuAtStart);
  const elapsedMs = performance.now() - startedAt;
  const { sent, connectLatencies } = sender;
  return {
    perSecond: inTime / (options.seconds ?? elapsedMs / 1000),
    errors: sent - latencies.due.length,
    latency: summarize(latencies.due),
    sent,
    refusals: countBy(refusals),
    faults: countBy(faults),
    sentLatency: summarize(latencies.sent),
    refusedLatency: summarize(latencies.refused),
    connectLatency: summarize(connectLatencies),
    cpuMicroseconds: (user + system) / sent,
    cpuShare: (user + system) / 1000 / elapsedMs,
  };
}

function readRequests(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const requests: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(SEPARATOR, start);
    requests.push(bytes.subarray(start, end));
    start = end + SEPARATOR.length;
  }
  return requests;
}
