import { ApiProblem } from '../problems/problem.dto.js';

/** Documents the response to a client that exceeds the rate limit. */
export function ApiRateLimited(instance: string): MethodDecorator {
  return ApiProblem('The client exceeds the rate limit.', {
    'rate-limited': {
      detail: 'A client may make 300 requests in 60 seconds. Retry in 17 seconds.',
      instance,
    },
  });
}
