/** Every problem type of this service (RFC 9457), by the slug of its `type`. */
export const PROBLEM_TYPES = {
  'malformed-request': { status: 400, title: 'The request is malformed' },
  'validation-failed': { status: 400, title: 'A parameter is not valid' },
  'invalid-cursor': { status: 400, title: 'The cursor does not belong to this listing' },
  'not-found': { status: 404, title: 'The resource does not exist' },
  'method-not-allowed': { status: 405, title: 'The resource does not support this method' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The media type of the body is not supported' },
  unauthorized: { status: 401, title: 'The resource requires a token' },
  'invalid-signature': { status: 401, title: 'The signature of the message is not valid' },
  'event-in-progress': { status: 409, title: 'The event is being processed' },
  'event-id-reused': { status: 422, title: 'Another event has this id' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'dependency-unavailable': { status: 503, title: 'A dependency is unavailable' },
  overloaded: { status: 503, title: 'The service has more requests than it can answer in time' },
  'internal-error': { status: 500, title: 'The service has an internal error' },
} as const;

/** The last part of a problem's `type` URN. */
export type ProblemSlug = keyof typeof PROBLEM_TYPES;
