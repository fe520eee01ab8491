import { Problem } from '../problems/problem.js';

/** The problem of a path without a route. RequestEntry rejects the request before the body is read. */
export function notFound(): Problem {
  return new Problem('not-found', 'No resource has this path.');
}
