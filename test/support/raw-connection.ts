import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const DEADLINE_MS = 30_000;
const HEAD_END = '\r\n\r\n';
/** Statuses whose responses have no body. */
const BODILESS = new Set([204, 304]);

/** A response as received. */
export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A TCP connection that sends any bytes unchecked and parses the responses. */
export class RawConnection {
  private received = Buffer.alloc(0);
  private closed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    // A reset ends the connection too.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('end', () => {
      this.closed = true;
    });
  }

  /** Connects to the service at this address. */
  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawConnection(socket);
  }

  /** Whether the service has closed the connection. */
  get ended(): boolean {
    return this.closed;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Closes the sending side. */
  finish(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  /**
   * The next response to a request of this method, without interim responses.
   *
   * @returns `undefined` when the connection ends before it.
   */
  async nextResponse(method = 'GET'): Promise<RawResponse | undefined> {
    for (;;) {
      const response = this.take(method);
      if (response !== undefined) return response;
      if (this.closed) return undefined;
      await this.nextEvent();
    }
  }

  /** All further responses until the connection ends; none may be for a HEAD. */
  async remainingResponses(): Promise<RawResponse[]> {
    const responses: RawResponse[] = [];
    for (;;) {
      const response = await this.nextResponse();
      if (response === undefined) return responses;
      responses.push(response);
    }
  }

  private async nextEvent(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        for (const event of ['data', 'end', 'close']) this.socket.off(event, done);
        resolve();
      };
      const timer = setTimeout(() => {
        reject(new Error(`Neither a response nor an end within ${DEADLINE_MS} ms`));
      }, DEADLINE_MS);
      for (const event of ['data', 'end', 'close']) this.socket.on(event, done);
    });
  }

  /** Removes a complete response from the received bytes. */
  private take(method: string): RawResponse | undefined {
    const end = this.received.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const [statusLine = '', ...lines] = this.received.toString('latin1', 0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const start = end + HEAD_END.length;
    if (status < 200) {
      this.received = this.received.subarray(start);
      return this.take(method);
    }
    const length =
      method === 'HEAD' || BODILESS.has(status) ? 0 : Number(headers.get('content-length'));
    if (Number.isNaN(status + length)) {
      throw new Error(`A response of unknown length: ${statusLine} ${lines.join(', ')}`);
    }
    if (this.received.length < start + length) return undefined;
    const body = this.received.toString('utf8', start, start + length);
    this.received = this.received.subarray(start + length);
    return { status, headers, body };
  }
}
