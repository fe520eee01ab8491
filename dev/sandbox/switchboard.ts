import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { CampaignUnderWayError } from './catalog-api.js';
import { BadBodyError, readJsonObject, sendJson } from './json.js';
import { BadSwitchError } from './switches.js';

const MAX_BODY_BYTES = 64 * 1024;

/**
 * What a partner does when told, with these options. It may go on for as long as the signal lets it; what it
 * gives is answered, by default the partner's state.
 */
export type Action = (
  options: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => Promise<object | undefined> | object | undefined;

/** A partner as far as the switchboard has to do with it. */
export interface Partner {
  readonly server: {
    state(): object;
    change(changes: Readonly<Record<string, unknown>>): Promise<void>;
    reset(): Promise<void>;
  };
  /** What is to be seen of it besides the state of its server. */
  readonly details?: () => object;
  /** What more can be done with it: `POST /<partner>/<action>`. */
  readonly actions?: Readonly<Record<string, Action>>;
  /** What can be asked about it: `GET /<partner>/<report>`. */
  readonly reports?: Readonly<Record<string, () => object>>;
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
      else if (error instanceof CampaignUnderWayError) {
        sendJson(response, 409, { error: message });
      } else if (error instanceof BadBodyError) {
        sendJson(response, error.status, { error: message }, { connection: 'close' });
      } else sendJson(response, 500, { error: message });
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?');
    const [name = '', member, ...rest] = path.slice(1).split('/');
    const partner = rest.length === 0 ? this.partners.get(name) : undefined;
    const call = `${request.method ?? ''} ${path}`;
    const action = memberOf(partner?.actions, member);
    const report = memberOf(partner?.reports, member);

    if (call === 'GET /') sendJson(response, 200, this.state());
    else if (call === 'POST /reset') {
      await Promise.all([...this.partners.values()].map(({ server }) => server.reset()));
      sendJson(response, 200, this.state());
    } else if (request.method === 'PATCH' && partner !== undefined && member === undefined) {
      await partner.server.change(await readJsonObject(request, MAX_BODY_BYTES));
      sendJson(response, 200, stateOf(partner));
    } else if (request.method === 'POST' && partner !== undefined && action !== undefined) {
      const options = await readJsonObject(request, MAX_BODY_BYTES, {});
      const result = await action(options, goneSignal(response));
      sendJson(response, 200, result ?? stateOf(partner));
    } else if (request.method === 'GET' && report !== undefined) {
      sendJson(response, 200, report());
    } else sendJson(response, 404, { error: `There is no ${call}`, calls: this.calls() });
  }

  private state(): object {
    const partners = [...this.partners].map(([name, partner]) => [name, stateOf(partner)]);
    // The pid tells the one that started this process that nobody else sits on the port.
    return { pid: process.pid, ...Object.fromEntries(partners) } as object;
  }

  private calls(): string[] {
    const ofPartners = [...this.partners].flatMap(([name, { actions = {}, reports = {} }]) => [
      `PATCH /${name}`,
      ...Object.keys(actions).map((action) => `POST /${name}/${action}`),
      ...Object.keys(reports).map((report) => `GET /${name}/${report}`),
    ]);
    return ['GET /', 'POST /reset', ...ofPartners];
  }
}

function stateOf({ server, details }: Partner): object {
  return { ...server.state(), ...details?.() };
}

function memberOf<Member>(
  members: Readonly<Record<string, Member>> = {},
  name = '',
): Member | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/** Tells when nobody waits for the answer any more. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
