import { combine } from '../../report/report.js';
import type { Suite } from '../../suite.js';
import { runOutages } from './outages.js';
import { reportOutages } from './outages-report.js';
import { drillClientAddresses } from './client-addresses.js';
import { drillRollingRestart } from './rolling-restart.js';

export const drills: Suite = {
  summary: 'rolling restart, outages, many client addresses (needs nginx)',
  minutes: 15,
  run: async (bench) => ({
    title: 'Drills',
    method:
      'The partners are the sandbox (`dev/partner-sandbox.ts`). Requests are sent at a constant rate; latency counts from when a request was due.',
    ...combine(
      await drillRollingRestart(bench),
      reportOutages(await runOutages(bench)),
      await drillClientAddresses(bench),
    ),
  }),
};
