import type { Catalogue } from './catalogue.js';
import type { LoadGenerator } from './load-generator.js';
import type { Testbed } from './testbed.js';

/** What the speed of the service is measured with. */
export interface SpeedSetting {
  readonly testbed: Testbed;
  readonly catalogue: Catalogue;
  readonly generator: LoadGenerator;
  /** How long a load of a turn lasts. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}

/** As many clients as keep one process busy all the time. */
export const CONNECTIONS = 32;

/** What runs in production, and a limit that a single client does not reach. */
export const EVERYTHING_ON = { LOG_LEVEL: 'info', THROTTLE_LIMIT: '1000000000' };

/** The listing as it is mostly written. */
export const EXPRESS = {
  entry: 'bench/baselines/express.js',
  ready: '/health/ready',
  log: 'bench-express.log',
};
