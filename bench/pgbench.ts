import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { UpsertedProduct } from '../src/webhooks/catalogue-event.js';
import { eventStatement } from '../src/webhooks/event-statements.js';
import { findExecutable } from './executable.js';
import type { Testbed } from './testbed.js';

/** What stands for the values of the service's statement: constants, but for the event and the product. */
const VALUES = [
  "('pgbench-' || :event)",
  "'product.upserted'",
  "decode(repeat('ab', 32), 'hex')",
  'now()',
  "('BENCH-EVENT-' || :product)",
  ':revision',
  "'Okra'",
  "'Picked this morning.'",
  "'Vegetables'",
  "'49.50'",
  "'INR'",
  "'kg'",
  "'Asha Farm'",
  'NULL',
  'NULL',
];

/** PostgreSQL's own load generator, with the transaction that an event is for the service. */
export class Pgbench {
  private constructor(
    private readonly executable: string,
    private readonly url: string,
    private readonly connections: number,
  ) {}

  /** @throws TestbedError when there is none on this machine. */
  static find({ databaseUrl }: Testbed, connections: number): Pgbench {
    const executable = findExecutable('pgbench', 'postgresql-15');
    return new Pgbench(executable, databaseUrl, connections);
  }

  /** Transactions a second. */
  async run(seconds: number): Promise<number> {
    const directory = mkdtempSync(join(tmpdir(), 'pgbench-'));
    const script = join(directory, 'event.sql');
    writeFileSync(script, SCRIPT);
    const connections = String(this.connections);
    const { stdout } = await promisify(execFile)(
      this.executable,
      ['-n', '-M', 'prepared', '-c', connections, '-T', String(seconds), '-f', script, this.url],
      { timeout: (seconds + 30) * 1000 },
    );
    rmSync(directory, { recursive: true });
    return Math.round(Number(/tps = ([\d.]+)/.exec(stdout)?.[1]));
  }
}

const SCRIPT = `
\\set event random(1, 1000000000000000)
\\set product random(0, 1999)
\\set revision random(0, 9007199254740991)
${statement()};
`;

function statement(): string {
  const event = { type: 'product.upserted' as const, product: new UpsertedProduct() };
  const { text } = eventStatement({
    id: '',
    digest: Buffer.alloc(0),
    receivedAt: new Date(),
    event,
  });
  return text
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/\$(\d+)/g, (_, nth: string) => VALUES[Number(nth) - 1] ?? '');
}
