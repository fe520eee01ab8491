/** An HTTP request of a load. */
export interface LoadRequest {
  readonly path: string;
  /** GET by default. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Separates requests in a file. No request contains it. */
export const SEPARATOR = '\0';

/** The request as HTTP/1.1 text. */
export function serializeRequest(host: string, request: LoadRequest): string {
  const { method = 'GET', path, body = '' } = request;
  const headers = {
    host,
    ...(method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...request.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
