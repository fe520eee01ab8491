import { once } from 'node:events';
import { connect } from 'node:net';

import { TestbedError } from './testbed.js';

/** GETs without a pause, whose answers are only counted. */
export interface Pipelining {
  readonly url: string;
  readonly count: number;
  /** The path and the header fields of the nth request, each field with its line end. */
  readonly request: (nth: number) => { readonly path: string; readonly fields: string };
}

const CONNECTIONS = 4;
/** Requests that are sent at once on a connection: the service serves one at a time and drops the others. */
const BATCH = 1;
const STATUS = /HTTP\/1\.1 (\d{3})/g;
/** One less than a status line's beginning has. */
const CARRIED = 'HTTP/1.1 200'.length - 1;
const PATIENCE_MS = 30_000;

/**
 * Sends requests as fast as they are answered, many at a time on a connection (RFC 9112, section 9.3.2), so that
 * the load costs little of the machine that it shares with the service.
 *
 * @returns how often each status was answered.
 * @throws TestbedError when a request was not.
 */
export async function sendPipelined({
  url,
  count,
  request,
}: Pipelining): Promise<Record<string, number>> {
  const { hostname, port } = new URL(url);
  const statuses: Record<string, number> = {};
  let sent = 0;
  const connection = async (): Promise<void> => {
    const socket = connect(Number(port), hostname).setEncoding('latin1');
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy(new Error(`no answer within ${PATIENCE_MS} ms`));
    });
    let carried = '';
    let open = 0;
    const write = (): void => {
      const batch: string[] = [];
      while (open < BATCH && sent < count) {
        const { path, fields } = request(sent++);
        batch.push(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n${fields}\r\n`);
        open += 1;
      }
      if (open === 0) socket.end();
      else if (batch.length > 0) socket.write(batch.join(''));
    };
    socket.on('data', (chunk: string) => {
      const text = carried + chunk;
      carried = text.slice(-CARRIED);
      for (const [, status = ''] of text.matchAll(STATUS)) {
        statuses[status] = (statuses[status] ?? 0) + 1;
        open -= 1;
      }
      if (open < BATCH / 2) write();
    });
    write();
    await once(socket, 'close');
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  const answered = Object.values(statuses).reduce((sum, times) => sum + times, 0);
  if (answered < count) {
    throw new TestbedError(`${count - answered} of ${count} requests were not answered.`);
  }
  return statuses;
}
