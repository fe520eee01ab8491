import type { IncomingHttpHeaders } from 'node:http';

/** The headers by which the parts of a distributed trace find each other. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** Version, trace, parent and flags; of a version to come, only what comes first is known. */
const TRACEPARENT =
  /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|(?<!^00.*)-)/;
const MAX_LENGTH = 512;

/**
 * The trace that a request belongs to, to be passed on to partners as it came; undefined when it says none.
 *
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
