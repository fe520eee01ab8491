import { ApiProperty } from '@nestjs/swagger';

import type { EventStatus } from './webhooks.service.js';

export class EventStatusDto {
  @ApiProperty({
    enum: ['processed', 'duplicate', 'ignored'],
    description:
      'processed: the change is committed; a revision that is not newer changes nothing. duplicate: the event was received before. ignored: the type is unknown; the event is recorded and changes nothing.',
  })
  readonly status: EventStatus;

  constructor(status: EventStatus) {
    this.status = status;
  }
}
