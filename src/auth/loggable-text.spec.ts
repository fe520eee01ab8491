import { describe, expect, it } from '@jest/globals';

import { loggableText } from './loggable-text.js';

describe(loggableText.name, () => {
  it.each([
    ['The client is unknown.', 'The client is unknown.'],
    ['\ttwo\r\nlines ', 'two lines'],
    ['\u001b[31mred\u001b[0m\u0000', '[31mred [0m'],
    ['a\u2028b\u202ec\u200bd\u0085e', 'a b c d e'],
    ['Schlüssel ungültig 🌾', 'Schlüssel ungültig 🌾'],
    ['\n\u0000 \t', ''],
  ])('joins the lines of %j and removes control characters', (text, expected) => {
    expect(loggableText(text, [])).toBe(expected);
  });

  it.each([
    ['Wrong secret: hunter2!', ['hunter2'], 'Wrong secret: [redacted]!'],
    ['hunter2 is not HUNTER2', ['hunter2'], '[redacted] is not [redacted]'],
    ['a.c is not abc', ['a.c'], '[redacted] is not abc'],
    ['(a|b)* and {1}[2]^$\\', ['(a|b)*', '{1}[2]^$\\'], '[redacted] and [redacted]'],
    ['no hunter2-long', ['hunter2', 'hunter2-long'], 'no [redacted]'],
    ['no two  spaces\nhere', ['two  spaces\nhere'], 'no [redacted]'],
    ['no Schlüssel€🌾', ['Schlüssel€🌾'], 'no [redacted]'],
  ])('masks in %j the secrets %j', (text, secrets, expected) => {
    expect(loggableText(text, secrets)).toBe(expected);
  });

  it('shortens a long text and leaves no part of a secret at its end', () => {
    expect(loggableText('x'.repeat(60_000), [])).toBe(`${'x'.repeat(300)}…`);
    expect(loggableText(`${'x'.repeat(295)} hunter2 and more`, ['hunter2'])).toBe(
      `${'x'.repeat(295)} [red…`,
    );
    expect(loggableText(`${'x'.repeat(299)}🌾`, []).isWellFormed()).toBe(true);
  });
});
