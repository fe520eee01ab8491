import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A recorded event. Its row and its effect are committed together, so its id is not applied again. */
@Entity('webhook_events')
@Check('webhook_events_status', "status IN ('processed', 'ignored')")
export class WebhookEvent {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'webhook_events_pkey' })
  readonly id!: string;

  @Column('text')
  readonly type!: string;

  /** SHA-256 of the raw body. */
  @Column('bytea')
  readonly digest!: Buffer;

  /** `processed`, or `ignored` for an unknown type. */
  @Column('text')
  readonly status!: string;

  @Index('webhook_events_received_at')
  @Column('timestamptz', { name: 'received_at' })
  readonly receivedAt!: Date;

  @Column('timestamptz', { name: 'processed_at' })
  readonly processedAt!: Date;
}
