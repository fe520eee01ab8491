/** Why the seed cannot run or go on. The message is ready to print and says what to do. */
export class SeedFailure extends Error {
  override readonly name = SeedFailure.name;
}
