/** The load failed. The message includes the remedy and is printed unchanged. */
export class SeedFailure extends Error {
  override readonly name = SeedFailure.name;
}
