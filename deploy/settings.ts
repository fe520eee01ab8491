import { Environment, readEnvironment } from '../src/config/environment.js';
import { longestResponseMs } from '../src/health/readiness.js';

/** For what is closed after the last answer: the connections to PostgreSQL and Redis. */
const CLOSING_MS = 5000;

const KNOWN = new Set(Object.keys(new Environment()));

/** Those of the variables that the service does not read. */
export function unknownVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => !KNOWN.has(name));
}

/**
 * How many seconds a replica with these variables may take from SIGTERM to its end.
 *
 * @throws InvalidEnvironmentError when it would not start with them.
 */
export function shutdownSeconds(variables: NodeJS.ProcessEnv): number {
  const environment = readEnvironment(variables);
  return (environment.SHUTDOWN_DELAY_MS + longestResponseMs(environment) + CLOSING_MS) / 1000;
}
