import { describe, expect, it } from '@jest/globals';

import { redaction } from './redaction.js';

const redact = redaction({
  DATABASE_URL: 'postgres://farmlokal:hunter%2F2@db/x',
  WEBHOOK_SECRETS: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  OAUTH_CLIENT_SECRET: 'open sesame',
});

describe(redaction.name, () => {
  it.each([
    ['Authorization: Bearer abc.DEF-123_~+/==', 'Authorization: Bearer [redacted]'],
    ['authorization: basic Zm9vOmJhcg==', 'authorization: basic [redacted]'],
    ['whsec_abcd is wrong', 'whsec_[redacted] is wrong'],
    ['v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,a', 'v1,[redacted] v1,[redacted]'],
    ['postgres://farmlokal:p@s/s@db:5432/x', 'postgres://farmlokal:[redacted]@db:5432/x'],
    ['rediss://:hunter2@cache:6379', 'rediss://:[redacted]@cache:6379'],
    ['{"access_token":"abc","b":1}', '{"access_token":"[redacted]","b":1}'],
    ['/x?client_secret=abc!def&b=1', '/x?client_secret=[redacted]&b=1'],
    ['refresh_token=abc clientSecret: abc', 'refresh_token=[redacted] clientSecret: [redacted]'],
    ['what MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is', 'what [redacted] is'],
    ['hunter/2 or hunter%2F2, open sesame', '[redacted] or [redacted], [redacted]'],
  ])('redacts the secret in %s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it.each([
    'postgresql://farmlokal:correct%20horse@/db?host=/run/postgresql',
    'postgresql:///db?host=/run/postgresql&password=correct%20horse',
  ])('redacts the password of %s', (DATABASE_URL) => {
    const hide = redaction({ DATABASE_URL });
    expect(hide(`${DATABASE_URL} correct horse`)).not.toMatch(/correct(%20| )horse/);
  });

  it.each([
    'GET /api/products?cursor=WyJwcmljZSJd',
    'Listening on http://127.0.0.1:3000.',
    'at file:///app/dist/main.js:12:34',
    'password authentication failed for user "farmlokal"',
    'WRONGPASS invalid username-password pair or user is disabled.',
  ])('does not change %s', (text) => {
    expect(redact(text)).toBe(text);
  });
});
