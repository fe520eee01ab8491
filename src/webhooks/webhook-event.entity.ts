import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An event that was taken: its id is not taken again, and its effect is committed. */
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

  /** `processed` or, for a type that is not known, `ignored`. */
  @Column('text')
  readonly status!: string;

  @Index('webhook_events_received_at')
  @Column('timestamptz', { name: 'received_at' })
  readonly receivedAt!: Date;

  @Column('timestamptz', { name: 'processed_at' })
  readonly processedAt!: Date;
}
