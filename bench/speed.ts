import { type CachedPage, measureCachedPage, PAGE } from './cached-page.js';
import type { Catalogue } from './catalogue.js';
import { locateExecutable } from './executable.js';
import { type HotKey, measureHotKey } from './hot-key.js';
import { type LoadCurve, measureLoadCurve } from './load-curve.js';
import { findLoadGenerator } from './load-generator.js';
import { measureMemory, type Memory } from './memory-under-load.js';
import { measurePoolSizes, type PoolSize } from './pool-size.js';
import { PopularPages } from './popular-pages.js';
import { measureProfile, type Profile } from './profile.js';
import type { SpeedSetting } from './speed-setting.js';
import { measureStart } from './start.js';
import { EMPTY_CACHES, type Testbed } from './testbed.js';
import type { Turn } from './turns.js';
import { measureUncachedPage, type UncachedLoad } from './uncached-page.js';

export type Profiles = Readonly<Record<'cached' | 'uncached', Profile>>;

export interface Speed {
  /** What has sent the loads. */
  readonly generator: string;
  /** How long a load of a turn lasted. */
  readonly seconds: number;
  readonly cached: CachedPage;
  readonly uncached: readonly Turn<UncachedLoad>[];
  readonly poolSizes: readonly Turn<PoolSize>[];
  readonly curve: LoadCurve;
  readonly hotKey: HotKey;
  /** Milliseconds until it was ready, each time it was started. */
  readonly starts: readonly number[];
  /** Undefined where there is no perf. */
  readonly profiles: Profiles | undefined;
  readonly memory: Memory;
}

/** Pages, of which none is asked for again soon. */
const PAGES = 50_000;

/** The part of a load's time that each load of a turn lasts. */
const PART = 1 / 12;
/** Memory is watched for ten minutes where all else has one. */
const WATCHED = 10;

/** How fast the service is, against what does the same with less. */
export async function measureSpeed(
  testbed: Testbed,
  catalogue: Catalogue,
  wholeSeconds: number,
  say: (line: string) => void,
): Promise<Speed> {
  const seconds = Math.max(1, Math.round(wholeSeconds * PART));
  const generator = findLoadGenerator();
  const setting = { testbed, catalogue, generator, seconds, say };
  const pages = await PopularPages.of(catalogue);
  return {
    generator: generator.name,
    seconds,
    starts: await measureStart(setting),
    cached: await measureCachedPage(setting),
    uncached: await measureUncachedPage(setting),
    poolSizes: await measurePoolSizes(setting),
    curve: await measureLoadCurve(setting),
    hotKey: await measureHotKey(setting),
    profiles: await measureProfiles(setting, pages),
    memory: await measureMemory(setting, wholeSeconds * WATCHED),
  };
}

async function measureProfiles(
  setting: SpeedSetting,
  pages: PopularPages,
): Promise<Profiles | undefined> {
  const perf = locateExecutable('perf');
  if (perf === undefined) {
    setting.say('profile: left out, for there is no perf');
    return undefined;
  }
  const any = Array.from({ length: PAGES }, () => pages.any());
  try {
    return {
      cached: await measureProfile(setting, perf, 'a cached page', {}, [{ path: PAGE }]),
      uncached: await measureProfile(setting, perf, 'an uncached page', EMPTY_CACHES, any),
    };
  } catch (error) {
    // Not everybody may use it, and all else has been measured.
    setting.say(`profile: left out, for perf failed: ${String(error)}`);
    return undefined;
  }
}
