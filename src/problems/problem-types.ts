/** Every problem this service answers with (RFC 9457): the slug of its `type`, its title and its status. */
export const PROBLEM_TYPES = {
  'malformed-request': { status: 400, title: 'The request cannot be understood' },
  'validation-failed': { status: 400, title: 'A parameter is not valid' },
  'invalid-cursor': { status: 400, title: 'The cursor does not belong to this listing' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This resource does not answer this method' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': {
    status: 415,
    title: 'The body has a media type that is not read here',
  },
  unauthorized: { status: 401, title: 'This resource wants a token' },
  'invalid-signature': { status: 401, title: 'The message is not signed as it has to be' },
  'event-in-progress': { status: 409, title: 'This event is being processed' },
  'event-id-reused': { status: 422, title: 'Another event has this id' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'dependency-unavailable': {
    status: 503,
    title: 'A service this answer depends on is unavailable',
  },
  overloaded: { status: 503, title: 'This process has more requests than it can answer in time' },
  'internal-error': { status: 500, title: 'Something went wrong on our side' },
} as const;

/** The last part of a problem's `type` URN. */
export type ProblemSlug = keyof typeof PROBLEM_TYPES;
