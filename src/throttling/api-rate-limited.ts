import { ApiProblem } from '../problems/problem.dto.js';

/** Documents the answer to a client that asks too often. */
export function ApiRateLimited(instance: string): MethodDecorator {
  return ApiProblem('The client has made too many requests.', {
    'rate-limited': {
      detail: 'A client may make 300 requests in 60 seconds; the next in 17.',
      instance,
    },
  });
}
