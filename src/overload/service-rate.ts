/** Weight of the latest observation. */
const WEIGHT = 0.1;

/** How fast a queue moves, as a moving average: an estimate of how long it takes to be served. */
export class ServiceRate {
  private msPerItem = 0;
  private observed = false;

  /** Observes that `servers` at a time serve `items` in so many milliseconds each. */
  observe(milliseconds: number, items: number, servers: number): void {
    const observation = milliseconds / (items * servers);
    this.msPerItem = this.observed
      ? this.msPerItem + WEIGHT * (observation - this.msPerItem)
      : observation;
    this.observed = true;
  }

  /** Milliseconds until so many items are served; 0 before the first observation. */
  waitFor(items: number): number {
    return items * this.msPerItem;
  }
}
