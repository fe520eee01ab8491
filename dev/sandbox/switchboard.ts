import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { BadBodyError, readJsonObject, sendJson } from './json.js';
import { BadSwitchError } from './switches.js';

const MAX_BODY_BYTES = 64 * 1024;

/** A partner as far as the switchboard has to do with it. */
export interface Partner {
  readonly server: {
    state(): object;
    change(changes: Readonly<Record<string, unknown>>): Promise<void>;
    reset(): Promise<void>;
  };
  /** What more can be done with it: `POST /<partner>/<action>`. */
  readonly actions?: Readonly<Record<string, () => Promise<void> | void>>;
}

/** The HTTP server that shows the partners and sets their switches. */
export class Switchboard {
  private readonly partners: ReadonlyMap<string, Partner>;

  constructor(partners: Readonly<Record<string, Partner>>) {
    this.partners = new Map(Object.entries(partners));
  }

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => {
      void this.serve(request, response);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.answer(request, response);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof BadSwitchError) sendJson(response, 400, { error: message });
      else if (error instanceof BadBodyError) {
        sendJson(response, error.status, { error: message }, { connection: 'close' });
      } else sendJson(response, 500, { error: message });
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?');
    const [name = '', action, ...rest] = path.slice(1).split('/');
    const partner = this.partners.get(name);
    const call = `${request.method ?? ''} ${path}`;

    if (call === 'GET /') sendJson(response, 200, this.state());
    else if (call === 'POST /reset') {
      await Promise.all([...this.partners.values()].map(({ server }) => server.reset()));
      sendJson(response, 200, this.state());
    } else if (request.method === 'PATCH' && partner !== undefined && action === undefined) {
      await partner.server.change(await readJsonObject(request, MAX_BODY_BYTES));
      sendJson(response, 200, partner.server.state());
    } else if (request.method === 'POST' && partner !== undefined && rest.length === 0) {
      await this.act(partner, action ?? '', response);
    } else sendJson(response, 404, { error: `There is no ${call}`, calls: this.calls() });
  }

  private async act(partner: Partner, name: string, response: ServerResponse): Promise<void> {
    const { actions = {} } = partner;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) {
      sendJson(response, 404, { error: 'There is no such action', calls: this.calls() });
      return;
    }
    await action();
    sendJson(response, 200, partner.server.state());
  }

  private state(): object {
    const partners = [...this.partners].map(([name, { server }]) => [name, server.state()]);
    // The pid tells the one that started this process that nobody else sits on the port.
    return { pid: process.pid, ...Object.fromEntries(partners) } as object;
  }

  private calls(): string[] {
    const ofPartners = [...this.partners].flatMap(([name, { actions = {} }]) => [
      `PATCH /${name}`,
      ...Object.keys(actions).map((action) => `POST /${name}/${action}`),
    ]);
    return ['GET /', 'POST /reset', ...ofPartners];
  }
}
