/** The log line of a request. Bytes that are not an HTTP request have only the fields that are required. */
export interface RequestLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly requestId: string;
  readonly status: number;
  readonly method?: string;
  /** Path and query as the client sent them. */
  readonly url?: string;
  /** The template of the route; undefined when no route matches. */
  readonly route?: string | undefined;
  readonly durationMs?: number;
  /** The client's address, as the trusted proxies report it. */
  readonly client?: string | undefined;
  readonly traceparent?: string | undefined;
  /** Node's error code for bytes that are not an HTTP request. */
  readonly fault?: string | undefined;
}
