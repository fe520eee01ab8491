import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates the inbox of webhook events. The index finds old events to remove. */
export class CreateWebhookEvents1795390000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_events (
        id text PRIMARY KEY,
        type text NOT NULL,
        digest bytea NOT NULL,
        status text NOT NULL,
        received_at timestamptz NOT NULL,
        processed_at timestamptz NOT NULL,
        CONSTRAINT webhook_events_status CHECK (status IN ('processed', 'ignored'))
      )
    `);
    await runner.query(`
      CREATE INDEX webhook_events_received_at ON webhook_events (received_at)
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_events');
  }
}
