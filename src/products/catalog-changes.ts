import { Injectable } from '@nestjs/common';

/** Handles a committed change of the catalog, for example by invalidating cached responses. Must not reject. */
export type CatalogChangeListener = () => Promise<void>;

/** Announces changes of the catalog, so that the code that commits a change does not depend on its listeners. */
@Injectable()
export class CatalogChanges {
  private readonly listeners: CatalogChangeListener[] = [];

  /** Calls the listener at each change from now on. */
  subscribe(listener: CatalogChangeListener): void {
    this.listeners.push(listener);
  }

  /** Announces a change, after its COMMIT. Resolves once every listener has handled it. */
  async publish(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener()));
  }
}
