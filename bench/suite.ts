import type { Catalog } from './catalog.js';
import type { Report } from './report/report.js';
import type { Testbed } from './testbed.js';

/** Scenarios that are measured and published together. */
export interface Suite {
  /** One line for the list of suites. */
  readonly summary: string;
  /** How long the suite takes with the default options, in minutes. */
  readonly minutes: number;
  run(bench: Bench): Promise<Report>;
}

/** What a scenario measures with. */
export interface Bench {
  readonly testbed: Testbed;
  readonly catalog: Catalog;
  /** The value of `--seconds`; scenarios derive their durations from it. */
  readonly seconds: number;
  readonly log: (line: string) => void;
}
