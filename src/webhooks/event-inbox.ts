import { Injectable } from '@nestjs/common';

import { Database } from '../database/database.js';
import {
  eventStatement,
  findStatement,
  type Outcome,
  type ReceivedEvent,
  type TakenEvent,
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

  /** The event that was taken under an id; undefined when there is none. */
  async find(id: string): Promise<TakenEvent | undefined> {
    const [taken] = await this.database.query<TakenEvent>(findStatement(id));
    return taken;
  }
}
