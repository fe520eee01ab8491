import type { Machine } from './machine.js';
import { table, thousands } from './markdown.js';
import { median } from './summary.js';
import type { Webhooks, WebhooksTurn } from './webhooks.js';

export interface WebhooksReport extends Webhooks {
  readonly date: string;
  readonly machine: Machine;
  readonly rows: number;
}

/** What was measured of webhooks, for people. */
export function webhooksMarkdown({
  date,
  machine,
  rows,
  turns,
  ...measured
}: WebhooksReport): string {
  const medianOf = (value: (turn: WebhooksTurn) => number): number => median(turns.map(value));
  const fresh = medianOf((turn) => turn.fresh / turn.pgbench);
  const duplicates = medianOf((turn) => turn.duplicates / turn.fresh);
  return `# Webhooks

${thousands(rows)} products; ${machine.cores} cores shared by one replica, PostgreSQL, Redis and the load; Node ${machine.node}; ${date}.
Signed \`product.upserted\` events about 2,000 products, sent by ${measured.generator} over 32 connections, against pgbench, which
writes each event in a transaction of its own, prepared, on ${measured.connections} connections (as many as the replica has); the
replica writes together what comes while it is writing four others. ${measured.seconds} s each, in turns.
To repeat it: \`npm run bench -- webhooks\` (pgbench has to be on the PATH).

New events reach **${fresh.toFixed(2)}** of pgbench, and duplicates, which Redis answers, are **${duplicates.toFixed(1)}** times as fast
as new events (medians of the turns).

${table(
  ['turn', 'pgbench, a second', 'new events', 'of pgbench', 'duplicates', 'of new events'],
  turns.map((turn, nth) => [
    nth + 1,
    thousands(turn.pgbench),
    thousands(turn.fresh),
    (turn.fresh / turn.pgbench).toFixed(2),
    thousands(turn.duplicates),
    (turn.duplicates / turn.fresh).toFixed(1),
  ]),
)}
`;
}
