import type { FastifyReply, FastifyRequest } from 'fastify';

/** Response headers that pages of other origins may read. */
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

/**
 * Allows pages of other origins to read responses.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export class CorsPolicy {
  private readonly origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
  }

  /** Sets the headers of every response, also of an error. */
  setHeaders({ headers: { origin } }: FastifyRequest, response: FastifyReply): void {
    response.header('vary', 'Origin');
    if (origin !== undefined && this.origins.has(origin)) {
      response.header('access-control-allow-origin', origin);
      response.header('access-control-expose-headers', EXPOSED_HEADERS);
    }
  }

  /**
   * Answers a preflight, for any path: then the browser sends the request, and the page can read an error.
   *
   * @returns false when the request is not a preflight.
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
