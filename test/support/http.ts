/** A response with its body: parsed if it is JSON, else as text. */
export interface HttpResponse<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** Sends a request, by default a GET, and reads the whole response. Fails after 20 seconds. */
export async function httpFetch<Body = unknown>(
  url: string,
  init: RequestInit = {},
): Promise<HttpResponse<Body>> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return {
    status: response.status,
    headers: response.headers,
    body: (json ? JSON.parse(text) : text) as Body,
  };
}

/** A page of the listing. */
export interface ProductPage {
  readonly data: readonly Record<string, unknown>[];
  readonly nextCursor: string | null;
}

/** An RFC 9457 problem. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly requestId: string;
  readonly errors?: readonly { parameter: string; message: string }[];
}
