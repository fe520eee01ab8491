import { ApiProperty } from '@nestjs/swagger';

import type { EventStatus } from './webhooks.service.js';

/** What became of an event. */
export class EventStatusDto {
  @ApiProperty({
    enum: ['processed', 'duplicate', 'ignored'],
    description:
      'processed: its effect is committed (a revision that is not newer has none). duplicate: it was taken before. ignored: its type is not known; it is recorded.',
  })
  readonly status: EventStatus;

  constructor(status: EventStatus) {
    this.status = status;
  }
}
