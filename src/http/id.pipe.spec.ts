import { describe, expect, it } from '@jest/globals';

import { Problem } from '../problems/problem.js';
import { IdPipe, isId } from './id.pipe.js';

describe(isId.name, () => {
  it.each(['0', '21', '9223372036854775807'])('accepts %s', (text) => {
    expect(isId(text)).toBe(true);
  });

  it.each(['', '-1', '01', '1.5', 'abc', '9223372036854775808', '10000000000000000000', '1\n'])(
    'rejects %j',
    (text) => {
      expect(isId(text)).toBe(false);
    },
  );
});

describe(IdPipe.name, () => {
  it('rejects an invalid id as a validation problem', () => {
    expect(() => new IdPipe().transform('abc')).toThrow(Problem);
    expect(() => new IdPipe().transform('abc')).toThrow(
      'id: must be an integer from 0 to 9223372036854775807',
    );
  });
});
