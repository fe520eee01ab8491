import { Agent, type IncomingHttpHeaders, request } from 'node:http';

import { atRate } from './pace.js';
import type { Call, Route } from './traffic.js';

/** The response to a call, with its timing. */
export interface Reply {
  readonly route: Route;
  /** When the request was sent, in the time of `performance.now()`. */
  readonly sentAt: number;
  /** Milliseconds from then to the end of the response. */
  readonly ms: number;
  /** 0 when the connection failed. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Requests a second: enough to reach every route often, and light for a small machine. */
const RATE = 50;
/** Limit in case a spec does not stop the load. */
const MAX_SECONDS = 60;
const TIMEOUT_MS = 20_000;

/** Sends requests at a constant rate until it is stopped, without waiting for responses. */
export class Load {
  /** The replies received so far. */
  readonly replies: Reply[] = [];
  private readonly agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  private readonly sending: Promise<unknown>;
  private stopped = false;

  constructor(url: string, next: () => Call) {
    this.sending = atRate(
      RATE,
      (sent) => !this.stopped && sent < RATE * MAX_SECONDS,
      async () => {
        this.replies.push(await send(url, next(), this.agent));
      },
    );
  }

  /** Sends no more requests and waits for the outstanding responses. */
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
      { agent, headers, method: body === undefined ? 'GET' : 'POST', timeout: TIMEOUT_MS },
      (response) => {
        response.toArray().then((chunks: Buffer[]) => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(chunks).toString() });
        }, fail);
      },
    );
    outgoing.on('error', fail);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no data for ${TIMEOUT_MS} ms`)));
    outgoing.end(body);
  });
  return { route, sentAt, ms: performance.now() - sentAt, ...reply };
}
