import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as send,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

import { ReadyReplicas } from './ready-replicas.js';

/** A load balancer that forwards requests to the ready replicas in turn, without retries. */
export class Balancer {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly server = createServer((request, response) => {
    this.forward(request, response);
  });
  private ready: readonly string[] = [];
  private turn = 0;
  readonly replicas = new ReadyReplicas((urls) => {
    this.ready = urls;
  });

  /** Starts a balancer on a free port, without replicas. */
  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.server.listen(0, '127.0.0.1');
    await once(balancer.server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await this.replicas.stop();
    this.server.close();
    this.server.closeAllConnections();
    this.agent.destroy();
  }

  private forward(request: IncomingMessage, response: ServerResponse): void {
    const replica = this.ready[this.turn++ % this.ready.length];
    if (replica === undefined) {
      response.writeHead(502).end();
      return;
    }
    const { method = 'GET', url = '/', headers } = request;
    const forwarded = send(replica + url, { method, headers, agent: this.agent }, (received) => {
      response.writeHead(received.statusCode ?? 502, received.headers);
      received.pipe(response);
    });
    forwarded.on('error', () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
    request.pipe(forwarded);
  }
}
