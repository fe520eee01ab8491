import { randomBytes } from 'node:crypto';
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as requestHttps } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { Webhook } from 'standardwebhooks';

import type { Delivery } from './delivery.js';
import { isJsonObject } from './json.js';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** What came of one try. */
export interface Reply {
  /** Null when none came within five seconds. */
  readonly status: number | null;
  /** What the receiver says it has done with the event. */
  readonly outcome?: string;
  readonly retryAfterMs?: number;
}

/** Sends events as Standard Webhooks has it, over connections that are kept. */
export class WebhookSender {
  private readonly agents = {
    http: new Agent({ keepAlive: true }),
    https: new TlsAgent({ keepAlive: true }),
  };
  private readonly webhook: Webhook;
  private readonly stranger = new Webhook(randomBytes(24).toString('base64'));

  /** @param secret `whsec_` and base64 */
  constructor(secret: string) {
    this.webhook = new Webhook(secret);
  }

  /** Tries once, signed as of now. */
  async send({ change, signing }: Delivery, url: URL): Promise<Reply> {
    const now = new Date();
    const webhook = signing === 'wrong-secret' ? this.stranger : this.webhook;
    // Still the same JSON: only who verifies the bytes as they came notices.
    const body =
      signing === 'altered-body' ? Buffer.concat([change.body, Buffer.from(' ')]) : change.body;
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': 'FarmLokal-sandbox',
      'webhook-id': change.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': webhook.sign(change.id, now, change.body),
    };
    return await new Promise((resolve) => {
      const request = this.request(url, { method: 'POST', headers });
      const late = setTimeout(() => request.destroy(), TIMEOUT_MS);
      let reading = false;
      request.on('response', (response) => {
        reading = true;
        readReply(response, resolve);
      });
      request.on('error', () => {
        // What follows says the same.
      });
      request.on('close', () => {
        clearTimeout(late);
        if (!reading) resolve({ status: null });
      });
      request.end(body);
    });
  }

  /** Cuts everything that is under way. */
  stop(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private request(url: URL, options: RequestOptions): ClientRequest {
    const target = { ...urlToHttpOptions(url), ...options };
    return url.protocol === 'https:'
      ? requestHttps({ ...target, agent: this.agents.https })
      : requestHttp({ ...target, agent: this.agents.http });
  }
}

function readReply(response: IncomingMessage, resolve: (reply: Reply) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk);
    else response.destroy();
  });
  response.on('error', () => {
    // What follows says the same.
  });
  response.on('close', () => {
    const { complete, statusCode = null } = response;
    if (!complete) {
      resolve({ status: null });
      return;
    }
    const outcome = outcomeOf(Buffer.concat(chunks).toString());
    const retryAfterMs = waitOf(response.headers['retry-after']);
    resolve({
      status: statusCode,
      ...(outcome === undefined ? {} : { outcome }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  });
}

function outcomeOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isJsonObject(body) && typeof body.status === 'string' ? body.status : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds or a date (RFC 9110, section 10.2.3). */
function waitOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1_000
    : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
