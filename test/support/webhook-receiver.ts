import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A message as it came. */
export interface ReceivedMessage {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string;
  /** Whether it verifies with the reference implementation. */
  readonly verified: boolean;
  /** By a clock that never goes back, in milliseconds. */
  readonly at: number;
}

/** What a receiver answers; a status of 0 cuts the connection. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Decides on an answer; `before` is how often this id has come before. */
export type Answering = (message: ReceivedMessage, before: number) => ReceiverAnswer;

/** A receiver of webhooks that remembers what has come and does no more than it is told. */
export class WebhookReceiver {
  readonly messages: ReceivedMessage[] = [];
  connections = 0;
  private readonly server: Server;

  private constructor(
    private readonly webhook: Webhook,
    private readonly answer: Answering,
  ) {
    this.server = createServer((request, response) => {
      void this.receive(request).then(({ status, body, headers }) => {
        if (status === 0) response.destroy();
        else {
          response.writeHead(status, { 'content-type': 'application/json', ...headers });
          response.end(JSON.stringify(body ?? {}));
        }
      });
    });
    this.server.on('connection', () => {
      this.connections += 1;
    });
  }

  /** Starts one on a free port; unless told it takes what verifies and refuses the rest. */
  static async start(
    secret: string,
    answer: Answering = ({ verified }) =>
      verified ? { status: 200, body: { status: 'processed' } } : { status: 401 },
  ): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(new Webhook(secret), answer);
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/events`;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async receive(request: IncomingMessage): Promise<ReceiverAnswer> {
    const at = performance.now();
    const body = Buffer.concat(await request.toArray()).toString();
    const text = (name: string) => String(request.headers[name]);
    const [id, timestamp] = [text('webhook-id'), text('webhook-timestamp')];
    const before = this.messages.filter((message) => message.id === id).length;
    const message = { id, timestamp, body, verified: this.verifies(request, body), at };
    this.messages.push(message);
    return this.answer(message, before);
  }

  private verifies({ headers }: IncomingMessage, body: string): boolean {
    try {
      this.webhook.verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  }
}
