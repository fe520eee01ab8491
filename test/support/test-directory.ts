/** The temporary directory of the test run. */
export function testDirectory(): string {
  const directory = process.env.TEST_DIRECTORY;
  if (directory === undefined) throw new Error('TEST_DIRECTORY is unset: is this a Jest run?');
  return directory;
}
