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
const MAX_RESPONSE_BYTES = 64 * 1024;

/** The result of one attempt. */
export interface Reply {
  /** The HTTP status; null when no response arrived within five seconds. */
  readonly status: number | null;
  /** The `status` in the response body. */
  readonly outcome?: string;
  readonly retryAfterMs?: number;
}

/** Sends signed events (Standard Webhooks 1.0.0) over keep-alive connections. */
export class WebhookSender {
  private readonly agents = {
    http: new Agent({ keepAlive: true }),
    https: new TlsAgent({ keepAlive: true }),
  };
  private readonly webhook: Webhook;
  private readonly wrongWebhook = new Webhook(randomBytes(24).toString('base64'));

  /** @param secret the webhook secret: `whsec_` and base64 */
  constructor(secret: string) {
    this.webhook = new Webhook(secret);
  }

  /** Sends the event once, with a fresh timestamp. */
  async send({ event, signature }: Delivery, url: URL): Promise<Reply> {
    const now = new Date();
    const webhook = signature === 'wrong-secret' ? this.wrongWebhook : this.webhook;
    // The JSON value stays the same, so only a check of the raw bytes fails.
    const body =
      signature === 'altered-body' ? Buffer.concat([event.body, Buffer.from(' ')]) : event.body;
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': 'FarmLokal-sandbox',
      'webhook-id': event.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': webhook.sign(event.id, now, event.body),
    };
    return await new Promise((resolve) => {
      const request = this.request(url, { method: 'POST', headers });
      const timeout = setTimeout(() => request.destroy(), TIMEOUT_MS);
      let hasResponse = false;
      request.on('response', (response) => {
        hasResponse = true;
        readReply(response, resolve);
      });
      request.on('error', () => {
        // The `close` event follows.
      });
      request.on('close', () => {
        clearTimeout(timeout);
        if (!hasResponse) resolve({ status: null });
      });
      request.end(body);
    });
  }

  /** Closes every connection. */
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
    if (bytes <= MAX_RESPONSE_BYTES) chunks.push(chunk);
    else response.destroy();
  });
  response.on('error', () => {
    // The `close` event follows.
  });
  response.on('close', () => {
    const { complete, statusCode = null } = response;
    if (!complete) {
      resolve({ status: null });
      return;
    }
    const outcome = outcomeOf(Buffer.concat(chunks).toString());
    const retryAfterMs = retryAfterMsOf(response.headers['retry-after']);
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

/** Parses Retry-After: seconds or a date (RFC 9110, section 10.2.3). */
function retryAfterMsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1_000
    : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
