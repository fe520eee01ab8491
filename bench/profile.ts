import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { GeneratedRequest } from './load-generator.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { loggingTo } from './testbed.js';

/** Functions with the part of the time that a process spent in each of them itself, not in what they called. */
export type Profile = readonly { readonly name: string; readonly part: number }[];

/** Where a function is; lines and columns count from 0. */
interface Place {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** What V8 writes; times in microseconds. */
interface CpuProfile {
  readonly endTime: number;
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: Place;
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const TOP = 25;
/** Of the load, what comes first warms everything up. */
const WARM = 1 / 2;
/** What V8 calls the time in which nothing is done. */
const IDLE = '(idle)';

/** Where a replica's time goes while it is asked for as much as it can give. */
export async function measureProfile(
  { testbed, generator, seconds, say }: SpeedSetting,
  what: string,
  env: Readonly<Record<string, string>>,
  requests: readonly GeneratedRequest[],
): Promise<Profile> {
  say(`profile: ${what}`);
  const directory = mkdtempSync(join(tmpdir(), 'profile-'));
  try {
    const program = loggingTo('bench-profile.log');
    const replica = await testbed.startReplica(
      { ...EVERYTHING_ON, ...env },
      {
        ...program,
        options: [...(program.options ?? []), '--cpu-prof', `--cpu-prof-dir=${directory}`],
      },
    );
    await generator.run({
      url: replica.url,
      connections: CONNECTIONS,
      seconds: 2 * seconds,
      requests,
    });
    await replica.stop();
    const [file = ''] = readdirSync(directory);
    const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile;
    return top(profile, 2 * seconds * WARM);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Of the last so many seconds. */
function top(
  { startTime, endTime, nodes, samples, timeDeltas }: CpuProfile,
  last: number,
): Profile {
  const map = JSON.parse(readFileSync('dist/main.js.map', 'utf8')) as SourceMapPayload;
  const bundle = new SourceMap(map);
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame, bundle)]));
  const times = new Map<string, number>();
  let at = startTime;
  let busy = 0;
  samples.forEach((id, nth) => {
    const delta = timeDeltas[nth] ?? 0;
    at += delta;
    const name = names.get(id) ?? '';
    if (at < endTime - last * 1e6 || name === IDLE) return;
    busy += delta;
    times.set(name, (times.get(name) ?? 0) + delta);
  });
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([name, time]) => ({ name, part: Math.round((1000 * time) / busy) / 1000 }));
}

/** A function, and the package or module that it belongs to. */
function nameOf(place: Place, bundle: SourceMap): string {
  const name = place.functionName === '' ? 'a function' : place.functionName;
  const file = place.url.endsWith('/dist/main.js') ? sourceOf(place, bundle) : place.url;
  const [, ofPackage, ofModule] =
    /.*node_modules\/((?:@[^/]+\/)?[^/]+)|.*?((?:[\w-]+\/)?[\w.-]+)\.[jt]s$/.exec(file) ?? [];
  const where = ofPackage ?? ofModule ?? file;
  return where === '' ? name : `${name} of ${where}`;
}

function sourceOf({ lineNumber, columnNumber }: Place, bundle: SourceMap): string {
  const entry = bundle.findEntry(lineNumber, columnNumber);
  return 'originalSource' in entry ? entry.originalSource : '';
}
