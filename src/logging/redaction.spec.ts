import { describe, expect, it } from '@jest/globals';

import { redact } from './redaction.js';

describe(redact.name, () => {
  it.each([
    ['Authorization: Bearer abc.DEF-123_~+/==', 'Authorization: Bearer [redacted]'],
    ['authorization: basic Zm9vOmJhcg==', 'authorization: basic [redacted]'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is wrong', 'whsec_[redacted] is wrong'],
    ['v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,a', 'v1,[redacted] v1,[redacted]'],
    ['postgres://farmlokal:hunter2@db:5432/x', 'postgres://farmlokal:[redacted]@db:5432/x'],
    ['rediss://:hunter2@cache:6379', 'rediss://:[redacted]@cache:6379'],
    ['{"access_token":"abc","b":1}', '{"access_token":"[redacted]","b":1}'],
    ['/x?client_secret=abc&b=1', '/x?client_secret=[redacted]&b=1'],
  ])('%s', (line, redacted) => {
    expect(redact(line)).toBe(redacted);
  });

  it.each([
    'GET /api/products?cursor=WyJwcmljZSJd',
    'Listening on http://127.0.0.1:3000.',
    'at file:///app/dist/main.js:12:34',
    '{"time":"2026-11-23T06:30:00.000Z","level":"info"}',
  ])('leaves %s as it is', (line) => {
    expect(redact(line)).toBe(line);
  });
});
