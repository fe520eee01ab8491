/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // The build leaves specs out (.swcrc); the tests need them compiled.
  transform: { '\\.ts$': ['@swc/jest', { exclude: [] }] },
  testMatch: ['<rootDir>/{src,test,dev}/**/*.{spec,e2e-spec}.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 30_000,
};
