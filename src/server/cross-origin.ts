import type { FastifyReply, FastifyRequest } from 'fastify';

/** What pages of other origins may read of a response besides its body. */
const EXPOSED_HEADERS = [
  'Age',
  'ETag',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Cache',
  'X-Request-Id',
].join(', ');

/** Lets pages of the given origins read responses (https://fetch.spec.whatwg.org/#http-cors-protocol). */
export class CrossOriginPolicy {
  private readonly origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
  }

  /** Sets the headers that every response has, whatever its status. */
  setHeaders({ headers: { origin } }: FastifyRequest, response: FastifyReply): void {
    response.header('vary', 'Origin');
    if (origin !== undefined && this.origins.has(origin)) {
      response.header('access-control-allow-origin', origin);
      response.header('access-control-expose-headers', EXPOSED_HEADERS);
    }
  }

  /**
   * Answers a preflight, for any path, so that the browser sends the request and the page can read its error.
   *
   * @returns false when the request is none.
   */
  answerPreflight({ method, headers }: FastifyRequest, response: FastifyReply): boolean {
    if (method !== 'OPTIONS' || !('access-control-request-method' in headers)) {
      return false;
    }
    const requested = headers['access-control-request-headers'];
    response.header('vary', 'Origin, Access-Control-Request-Headers');
    response.header('access-control-allow-methods', 'GET, HEAD');
    if (requested !== undefined) {
      response.header('access-control-allow-headers', requested);
    }
    response.status(204).header('content-length', '0').send();
    return true;
  }
}
