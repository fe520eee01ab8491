import { Injectable } from '@nestjs/common';

import { Database } from '../database/database.js';
import {
  digestStatement,
  eventStatement,
  type Outcome,
  type ReceivedEvent,
} from './event-statements.js';

/** The events that were taken, and their effects, in PostgreSQL: the truth about both. */
@Injectable()
export class EventInbox {
  constructor(private readonly database: Database) {}

  /**
   * Records an event and applies it, both or neither.
   *
   * @throws Problem `dependency-unavailable` when PostgreSQL does not confirm it. It may have happened all
   * the same: sent again, the event is then a duplicate.
   */
  async take(event: ReceivedEvent): Promise<Outcome> {
    const [outcome] = await this.database.query<Outcome>(eventStatement(event));
    return outcome ?? { recorded: false, changed: false };
  }

  /** The digest of the body that the event of this id had; undefined when there is none. */
  async digestOf(id: string): Promise<Buffer | undefined> {
    const [row] = await this.database.query<{ digest: Buffer }>(digestStatement(id));
    return row?.digest;
  }
}
