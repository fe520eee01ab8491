import { Agent, type IncomingHttpHeaders, request } from 'node:http';

import { atRate } from '../../bench/pace.js';
import type { Call, Route } from './traffic.js';

/** What came of a call. */
export interface Reply {
  readonly route: Route;
  /** When it was sent, on the clock of `performance.now()`. */
  readonly sentAt: number;
  /** Milliseconds from then to the end of its answer. */
  readonly ms: number;
  /** 0 when the connection failed. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Requests a second: enough to be felt, and little beside what else a small machine has to do. */
const RATE = 50;
/** Should a spec fail to stop it. */
const MOST_SECONDS = 60;
const PATIENCE_MS = 20_000;

/** Calls at a constant rate, whatever becomes of the answers, until it is stopped. */
export class Load {
  /** Those that have come so far. */
  readonly replies: Reply[] = [];
  private readonly agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  private readonly sending: Promise<unknown>;
  private stopped = false;

  constructor(url: string, next: () => Call) {
    this.sending = atRate(
      RATE,
      (sent) => !this.stopped && sent < RATE * MOST_SECONDS,
      async () => {
        this.replies.push(await send(url, next(), this.agent));
      },
    );
  }

  /** Sends no more, and waits for what is still to be answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.sending;
    this.agent.destroy();
  }
}

async function send(
  url: string,
  { route, path, body, headers = {} }: Call,
  agent: Agent,
): Promise<Reply> {
  const sentAt = performance.now();
  const reply = await new Promise<Pick<Reply, 'status' | 'headers' | 'body'>>((resolve) => {
    const fail = (error: Error): void => {
      resolve({ status: 0, headers: {}, body: error.message });
    };
    const outgoing = request(
      url + path,
      { agent, headers, method: body === undefined ? 'GET' : 'POST', timeout: PATIENCE_MS },
      (response) => {
        response.toArray().then((chunks: Buffer[]) => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(chunks).toString() });
        }, fail);
      },
    );
    outgoing.on('error', fail);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`nothing for ${PATIENCE_MS} ms`)));
    outgoing.end(body);
  });
  return { route, sentAt, ms: performance.now() - sentAt, ...reply };
}
