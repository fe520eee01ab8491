import { type LoadRequest, serializeRequest } from './request.js';
import { isAccepted, type LoadResponse } from './response.js';
import { type Rate, Sender } from './sender.js';

/** A request whose response is checked. */
export interface CheckedRequest extends LoadRequest {
  /** What is wrong with a response; undefined when it is right. By default 2xx and 304 are right. */
  readonly check?: (response: LoadResponse) => string | undefined;
}

export interface Outcome<Request extends CheckedRequest = CheckedRequest> {
  readonly request: Request;
  /** In the time of `performance.now()`. */
  readonly dueAt: number;
  /** Milliseconds from when the request was due to the end of the response. */
  readonly latency: number;
  /** 0 without a response. */
  readonly status: number;
  /** What was wrong; absent when the response was right. */
  readonly fault?: string;
}

export interface LoadOptions<Request> extends Partial<Rate> {
  readonly url: string;
  readonly next: () => Request | undefined;
}

/** More than are busy at any rate of the suites while the service keeps its deadlines. */
const CONNECTIONS = 1000;

/** A load that this process sends and checks, for rates at which that costs little. */
export class Load<Request extends CheckedRequest> {
  /** In the order of the responses. */
  readonly outcomes: Outcome<Request>[] = [];
  private readonly sender: Sender<Request>;

  constructor(options: LoadOptions<Request>, timeoutMs?: number) {
    const { host } = new URL(options.url);
    this.sender = new Sender(
      {
        connections: CONNECTIONS,
        ...options,
        bytesOf: (request) => serializeRequest(host, request),
        onExchange: ({ item: request, dueAt, endedAt, result }) => {
          const hasResponse = typeof result !== 'string';
          const fault = hasResponse ? (request.check ?? checkStatus)(result) : result;
          const status = hasResponse ? result.status : 0;
          const latency = endedAt - dueAt;
          this.outcomes.push({ request, dueAt, latency, status, ...(fault && { fault }) });
        },
      },
      timeoutMs,
    );
  }

  /** Sends no more requests and waits for the responses to those in progress. */
  async stop(): Promise<readonly Outcome<Request>[]> {
    await this.sender.stop();
    return this.outcomes;
  }

  /** Waits until everything has been sent. */
  async finished(): Promise<readonly Outcome<Request>[]> {
    await this.sender.finished;
    return this.outcomes;
  }
}

function checkStatus(response: LoadResponse): string | undefined {
  return isAccepted(response) ? undefined : `status ${response.status}`;
}
