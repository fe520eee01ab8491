import { readFileSync } from 'node:fs';
import { URL } from 'node:url';

const { jsc } = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // As the build compiles it, but for the specs, which the build leaves out.
  transform: { '\\.ts$': ['@swc/jest', { swcrc: false, jsc, module: { type: 'es6' } }] },
  testMatch: ['**/{src,test,dev,bench,deploy}/**/*.{spec,e2e-spec}.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  setupFilesAfterEnv: ['<rootDir>/test/support/retries.js'],
  testTimeout: 60_000,
};
