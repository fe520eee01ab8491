/** The service cannot start with this environment. The message has one line for each bad variable. */
export class InvalidEnvironmentError extends Error {
  override readonly name = InvalidEnvironmentError.name;

  constructor(readonly faults: readonly string[]) {
    super(['The environment is not valid:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  }
}
