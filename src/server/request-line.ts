/** What the log tells of a request once it is over; of bytes that were no request, what there is to tell. */
export interface RequestLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly requestId: string;
  readonly status: number;
  readonly method?: string;
  /** Path and query, as they came. */
  readonly url?: string;
  /** The route's template; undefined where no route matches. */
  readonly route?: string | undefined;
  readonly durationMs?: number;
  /** The client's address, as far as the trusted proxies know it. */
  readonly client?: string | undefined;
  readonly traceparent?: string | undefined;
  /** Node's word for what is wrong with bytes that were no request. */
  readonly fault?: string | undefined;
}
