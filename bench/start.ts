import type { SpeedSetting } from './speed-setting.js';
import { loggingTo } from './testbed.js';

const STARTS = 5;

/** How long the service takes from its start until it is ready, with everything up that it needs; milliseconds. */
export async function measureStart({ testbed, say }: SpeedSetting): Promise<number[]> {
  const starts: number[] = [];
  for (let nth = 1; nth <= STARTS; nth += 1) {
    const replica = await testbed.startReplica({ LOG_LEVEL: 'info' }, loggingTo('bench-start.log'));
    await replica.stop();
    starts.push(replica.readyAfter);
    say(`start: ready after ${replica.readyAfter} ms`);
  }
  return starts;
}
