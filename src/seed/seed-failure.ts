/** Why a seed failed. The message says what to do and is printed as it is. */
export class SeedFailure extends Error {
  override readonly name = SeedFailure.name;
}
