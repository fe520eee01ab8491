import { Environment, readEnvironment } from '../src/config/environment.js';
import { longestResponseMs } from '../src/health/readiness.js';

/** Time to close the connections to PostgreSQL and Redis after the last response. */
const CLOSING_MS = 5000;

const KNOWN = new Set(Object.keys(new Environment()));

/** The variables that the service does not read. */
export function unknownVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => !KNOWN.has(name));
}

/**
 * The longest time in seconds from SIGTERM to the exit of a replica with these variables.
 *
 * @throws InvalidEnvironmentError when the variables are invalid.
 */
export function shutdownSeconds(variables: NodeJS.ProcessEnv): number {
  const environment = readEnvironment(variables);
  return (environment.SHUTDOWN_DELAY_MS + longestResponseMs(environment) + CLOSING_MS) / 1000;
}
