import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { EmitInProgressError } from './catalog-api.js';
import { BadBodyError, readJsonObject, sendJson } from './json.js';
import { BadSwitchError } from './switches.js';

const MAX_BODY_BYTES = 64 * 1024;

/**
 * An operation of a partner, called by `POST /<partner>/<action>`. The signal aborts when the client disconnects.
 * The result is the response body; undefined sends the partner's state.
 */
export type Action = (
  options: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => Promise<object | undefined> | object | undefined;

/** The part of a partner that the switchboard uses. */
export interface Partner {
  readonly server: {
    state(): object;
    change(changes: Readonly<Record<string, unknown>>): Promise<void>;
    reset(): Promise<void>;
  };
  /** State of the partner in addition to the state of its server. */
  readonly details?: () => object;
  readonly actions?: Readonly<Record<string, Action>>;
}

/** The HTTP server that shows the state of the partners and changes their switches. */
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
      await this.handle(request, response);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof BadSwitchError) sendJson(response, 400, { error: message });
      else if (error instanceof EmitInProgressError) sendJson(response, 409, { error: message });
      else if (error instanceof BadBodyError) {
        sendJson(response, error.status, { error: message }, { connection: 'close' });
      } else sendJson(response, 500, { error: message });
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request;
    const [path = '/'] = (request.url ?? '/').split('?');
    const [name = '', actionName, ...rest] = path.slice(1).split('/');
    const partner = rest.length === 0 ? this.partners.get(name) : undefined;
    const action = actionOf(partner, actionName);

    if (path === '/' && method === 'GET') sendJson(response, 200, this.state());
    else if (path === '/reset' && method === 'POST') {
      await Promise.all([...this.partners.values()].map(({ server }) => server.reset()));
      sendJson(response, 200, this.state());
    } else if (method === 'PATCH' && partner !== undefined && actionName === undefined) {
      await partner.server.change(await readJsonObject(request, MAX_BODY_BYTES));
      sendJson(response, 200, stateOf(partner));
    } else if (method === 'POST' && partner !== undefined && action !== undefined) {
      const options = await readJsonObject(request, MAX_BODY_BYTES, {});
      const result = await action(options, disconnectSignal(response));
      sendJson(response, 200, result ?? stateOf(partner));
    } else {
      sendJson(response, 404, { error: `No route ${method} ${path}`, routes: this.routes() });
    }
  }

  private state(): object {
    const partners = [...this.partners].map(([name, partner]) => [name, stateOf(partner)]);
    // The pid proves that this process, not another one, listens on the port.
    return { pid: process.pid, ...Object.fromEntries(partners) } as object;
  }

  private routes(): string[] {
    const partners = [...this.partners].flatMap(([name, { actions = {} }]) => [
      `PATCH /${name}`,
      ...Object.keys(actions).map((action) => `POST /${name}/${action}`),
    ]);
    return ['GET /', 'POST /reset', ...partners];
  }
}

function stateOf({ server, details }: Partner): object {
  return { ...server.state(), ...details?.() };
}

function actionOf({ actions = {} }: Partial<Partner> = {}, name = ''): Action | undefined {
  return Object.hasOwn(actions, name) ? actions[name] : undefined;
}

function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  return controller.signal;
}
