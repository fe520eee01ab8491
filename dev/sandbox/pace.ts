const PAUSE_MS = 250;

/** When what is sent one after the other is due. */
export class Pace {
  private readonly startedAt = performance.now();
  private releasedAt = this.startedAt;

  /**
   * @param rate how many a second; null for as fast as they go
   * @param bursts how many are due at once; null for one by one
   */
  constructor(
    private readonly rate: number | null,
    private readonly bursts: number | null,
  ) {}

  /** The milliseconds until one is due. To be asked for one after the other, from the first. */
  dueIn(nth: number): number {
    const { rate, bursts, startedAt } = this;
    const now = performance.now();
    if (rate !== null) {
      const first = bursts === null ? nth : nth - (nth % bursts);
      this.releasedAt = startedAt + (first / rate) * 1_000;
    } else if (bursts !== null && nth > 0 && nth % bursts === 0) this.releasedAt = now + PAUSE_MS;
    return Math.max(0, this.releasedAt - now);
  }
}
