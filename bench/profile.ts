import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { GeneratedRequest } from './load-generator.js';
import { CONNECTIONS, EVERYTHING_ON, type SpeedSetting } from './speed-setting.js';
import { loggingTo } from './testbed.js';

/** Functions with the part of the time that a process spent in each of them. */
export type Profile = readonly { readonly name: string; readonly part: number }[];

const TOP = 30;
const SAMPLES_A_SECOND = 999;
/** For a sample of everything on the stack, a line a frame. */
const MAX_OUTPUT = 1024 ** 3;

/**
 * Has V8 write down where it puts the functions that it compiles, for perf. V8's own profiler is not asked: it samples
 * a thread when that comes back from the system, wherever signals to a busy core arrive late (virtual machines), and
 * then finds nearly all of the time in whatever calls the system.
 */
const forPerf = (directory: string) => [
  '--perf-basic-prof',
  '--interpreted-frames-native-stack',
  // It keeps a log besides.
  '--no-logfile-per-isolate',
  `--logfile=${join(directory, 'v8.log')}`,
];

/** A frame of a stack: a symbol, and the file that it is from. */
const FRAME = /^\s*[0-9a-f]+ (?<symbol>.*) \((?<file>[^)]*)\)$/;
/** What V8 tells perf of a function, or of code that it has from a file: kind, name, file, line and column. */
const JAVASCRIPT = /^(?:JS|Script):[*^~+']?(?<name>.*?) ?(?<file>\S*):(?<line>\d+):(?<column>\d+)$/;
const COLLECTOR = /v8::internal::(?:Heap::CollectGarbage|ConcurrentMarking|Sweeper|Scavenger)/;

/** Where a replica's time goes while it is asked for as much as it can give. */
export async function measureProfile(
  { testbed, generator, seconds, say }: SpeedSetting,
  perf: string,
  what: string,
  env: Readonly<Record<string, string>>,
  requests: readonly GeneratedRequest[],
): Promise<Profile> {
  say(`profile: ${what}`);
  const directory = mkdtempSync(join(tmpdir(), 'profile-'));
  const program = loggingTo('bench-profile.log');
  const replica = await testbed.startReplica(
    { ...EVERYTHING_ON, ...env },
    { ...program, options: [...(program.options ?? []), ...forPerf(directory)] },
  );
  const load = { url: replica.url, connections: CONNECTIONS, requests };
  const run = promisify(execFile);
  try {
    await generator.run({ ...load, seconds });
    const samples = join(directory, 'perf.data');
    const record = [
      'record',
      '-e',
      'cpu-clock',
      '-F',
      String(SAMPLES_A_SECOND),
      '-g',
      '-o',
      samples,
    ];
    await Promise.all([
      generator.run({ ...load, seconds: seconds + 1 }),
      run(perf, [...record, '-p', String(replica.pid), '--', 'sleep', String(seconds)]),
    ]);
    const { stdout } = await run(
      perf,
      ['script', '-i', samples, '-F', 'ip,sym,dso', '--no-inline'],
      {
        maxBuffer: MAX_OUTPUT,
      },
    );
    return top(stdout.split('\n\n').filter((stack) => stack.trim() !== ''));
  } finally {
    await replica.stop();
    rmSync(directory, { recursive: true });
    rmSync(`/tmp/perf-${replica.pid}.map`, { force: true });
  }
}

function top(stacks: readonly string[]): Profile {
  const bundle = new SourceMap(
    JSON.parse(readFileSync('dist/main.js.map', 'utf8')) as SourceMapPayload,
  );
  const counts = new Map<string, number>();
  for (const stack of stacks) {
    const name = spenderOf(stack, bundle);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([name, count]) => ({ name, part: Math.round((1000 * count) / stacks.length) / 1000 }));
}

/** Who is to answer for a sample: the function of JavaScript nearest to where it was taken, if there is one. */
function spenderOf(stack: string, bundle: SourceMap): string {
  if (COLLECTOR.test(stack)) {
    return '(garbage collector)';
  }
  let inSystem = false;
  for (const line of stack.split('\n')) {
    const { symbol = '', file = '' } = FRAME.exec(line)?.groups ?? {};
    inSystem ||= file.startsWith('[kernel');
    const found = JAVASCRIPT.exec(symbol)?.groups;
    if (found !== undefined) {
      return `${inSystem ? 'the system for ' : ''}${nameOf(found, bundle)}`;
    }
  }
  return inSystem ? '(the system for Node)' : '(Node)';
}

/** A function, and the package or module that it belongs to. */
function nameOf(
  { name = '', file = '', line, column }: Partial<Record<string, string>>,
  bundle: SourceMap,
): string {
  const source = file.endsWith('/dist/main.js')
    ? sourceOf(Number(line) - 1, Number(column) - 1, bundle)
    : file;
  const [, ofPackage, ofModule] =
    /.*node_modules\/((?:@[^/]+\/)?[^/]+)|.*?((?:[\w-]+\/)?[\w.-]+)\.[jt]s$/.exec(source) ?? [];
  const where = ofPackage ?? ofModule ?? source;
  return `${name === '' ? 'a function' : name}${where === '' ? '' : ` of ${where}`}`;
}

function sourceOf(line: number, column: number, bundle: SourceMap): string {
  const entry = bundle.findEntry(line, column);
  return 'originalSource' in entry ? entry.originalSource : '';
}
