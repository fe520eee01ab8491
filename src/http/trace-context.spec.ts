import { describe, expect, it } from '@jest/globals';

import { traceOf } from './trace-context.js';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe(traceOf.name, () => {
  it('returns both headers unchanged', () => {
    expect(traceOf({ traceparent: TRACEPARENT })).toEqual({ traceparent: TRACEPARENT });
    expect(traceOf({ traceparent: TRACEPARENT, tracestate: 'a=1,b=2' })).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'a=1,b=2',
    });
  });

  it('accepts the further fields of a later version', () => {
    const traceparent = `01${TRACEPARENT.slice(2)}-more`;
    expect(traceOf({ traceparent })).toEqual({ traceparent });
  });

  it.each([
    undefined,
    '',
    'garbage',
    TRACEPARENT.toUpperCase(),
    `ff${TRACEPARENT.slice(2)}`,
    `${TRACEPARENT}-more`,
    `${TRACEPARENT}\r\nX: y`,
    TRACEPARENT.replace(/[\da-f]{32}/, '0'.repeat(32)),
    TRACEPARENT.replace(/-[\da-f]{16}-/, `-${'0'.repeat(16)}-`),
    `01${TRACEPARENT.slice(2)}-${'a'.repeat(500)}`,
  ])('ignores the invalid traceparent %j', (traceparent) => {
    expect(traceOf({ traceparent, tracestate: 'a=1' })).toBeUndefined();
  });

  it('drops a tracestate that is too long', () => {
    expect(traceOf({ traceparent: TRACEPARENT, tracestate: 'a'.repeat(513) })).toEqual({
      traceparent: TRACEPARENT,
    });
  });
});
