import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { URL } from 'node:url';
import vm from 'node:vm';

// Jest runs ES modules only under this flag of Node: `npx jest` starts itself again with it.
if (vm.SourceTextModule === undefined) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const { status } = spawnSync(process.execPath, [...flags, ...process.argv.slice(1)], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}

const { jsc } = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));

/** @type {import('jest').Config} */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // The build's own options; the build leaves out the specs.
  transform: { '\\.ts$': ['@swc/jest', { swcrc: false, jsc, module: { type: 'es6' } }] },
};

/** Tiers that start the built service, PostgreSQL and Redis. */
const servers = {
  ...common,
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
};

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/{src,dev,bench,deploy}/**/*.spec.ts'],
    },
    { ...servers, displayName: 'api', testMatch: ['<rootDir>/test/api/**/*.e2e-spec.ts'] },
    {
      ...servers,
      displayName: 'faults',
      testMatch: ['<rootDir>/test/faults/**/*.e2e-spec.ts'],
      setupFilesAfterEnv: ['<rootDir>/test/support/retries.js'],
    },
  ],
  // Most specs wait more than they compute.
  maxWorkers: 4,
  testTimeout: 60_000,
};
