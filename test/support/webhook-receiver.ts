import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A received message. */
export interface ReceivedMessage {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string;
  /** Whether it verifies with the reference implementation. */
  readonly verified: boolean;
  /** Arrival in the time of `performance.now()`. */
  readonly at: number;
}

/** The response of a receiver; a status of 0 closes the connection. */
export interface ReceiverResponse {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Chooses the response; `before` counts earlier messages with the same id. */
export type ResponseChooser = (message: ReceivedMessage, before: number) => ReceiverResponse;

/** A webhook receiver that records all messages. */
export class WebhookReceiver {
  readonly messages: ReceivedMessage[] = [];
  connections = 0;
  private readonly server: Server;

  private constructor(
    private readonly webhook: Webhook,
    private readonly answer: ResponseChooser,
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

  /** Starts a receiver on a free port. By default it accepts verified messages and rejects the others. */
  static async start(
    secret: string,
    answer: ResponseChooser = ({ verified }) =>
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

  private async receive(request: IncomingMessage): Promise<ReceiverResponse> {
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
