/**
 * Headers of every response. Cached responses and static files replace `Cache-Control`; the page at `/docs` replaces
 * `Content-Security-Policy`. Names are in lower case because Fastify would convert them for each response.
 */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
