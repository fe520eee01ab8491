import type { IncomingHttpHeaders } from 'node:http';

/** The headers that propagate a distributed trace (W3C Trace Context). */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** Version, trace id, parent id and flags. A later version than 00 may have further fields. */
const TRACEPARENT =
  /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|(?<!^00.*)-)/;
const MAX_LENGTH = 512;

/**
 * Reads the trace context of a request, which this service passes on to partners unchanged.
 *
 * @returns undefined without a valid traceparent.
 * @see https://www.w3.org/TR/trace-context/
 */
export function traceOf({
  traceparent,
  tracestate,
}: IncomingHttpHeaders): TraceContext | undefined {
  if (
    typeof traceparent !== 'string' ||
    traceparent.length > MAX_LENGTH ||
    !TRACEPARENT.test(traceparent)
  ) {
    return undefined;
  }
  return typeof tracestate === 'string' && tracestate.length <= MAX_LENGTH
    ? { traceparent, tracestate }
    : { traceparent };
}
