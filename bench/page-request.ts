import type { Agent } from 'node:http';
import { request as send } from 'node:http';

/** A page that is asked for, and what has to come back. */
export interface PageRequest {
  readonly path: string;
  readonly rows: number;
  /** Whether it is the last page of its listing. */
  readonly last: boolean;
}

/** How a request is sent; a GET unless told. */
export interface Sending {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  /** `HIT`, `MISS` or `STALE`. */
  readonly cache: string;
  readonly body: Buffer;
}

/** Longer than the service waits for PostgreSQL: for a connection, and then for the statement. */
const PATIENCE_MS = 20_000;

/** @throws Error when there is no answer within twenty seconds, or the connection breaks. */
export function ask(
  url: string,
  agent: Agent,
  { body, ...options }: Sending = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send(url, { agent, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          cache: String(response.headers['x-cache']),
          body: Buffer.concat(chunks),
        });
      });
    });
    request.on('error', reject);
    request.setTimeout(PATIENCE_MS, () => {
      request.destroy(new Error(`no answer within ${PATIENCE_MS} ms`));
    });
    request.end(body);
  });
}

/** What is wrong with an answer, so that no error is measured as a fast page. */
export function faultOf({ status, body }: Answer, { rows, last }: PageRequest): string | undefined {
  if (status !== 200) {
    return `status ${status}`;
  }
  const { data, nextCursor } = JSON.parse(body.toString()) as {
    data: unknown[];
    nextCursor: unknown;
  };
  if (data.length !== rows) {
    return `${data.length} rows instead of ${rows}`;
  }
  return (nextCursor === null) === last ? undefined : 'a wrong nextCursor';
}
