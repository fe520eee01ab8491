import type { Summary } from './summary.js';

/** What the columns of {@link summaryRow} are called, after the first. */
export const SUMMARY_HEAD = ['requests', 'errors', 'P50', 'P95', 'P99', 'max'];

/** A row of a table: a name and what was measured under it. */
export function summaryRow(
  name: string,
  { requests, errors, p50, p95, p99, max }: Summary,
): (string | number)[] {
  return [name, thousands(requests), errors, ...[p50, p95, p99, max].map(ms)];
}

/** What was wrong, as a list to follow a table; nothing when nothing was. */
export function faultList(faults: Readonly<Record<string, number>>): string {
  const lines = Object.entries(faults).map(([fault, times]) => `- ${times} × ${fault}`);
  return lines.length === 0 ? '' : `\n\n${lines.join('\n')}`;
}

/** A table whose columns of numbers are aligned as such. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_, column) => (isNumber(rows[0]?.[column]) ? '---:' : '---'))),
    ...rows.map(line),
  ].join('\n');
}

function isNumber(cell: string | number | undefined): boolean {
  return /^\d/.test(String(cell));
}

/** Milliseconds, to a tenth. */
export function ms(time: number): string {
  return time.toFixed(1);
}

/** A count with its thousands set apart. */
export function thousands(count: number): string {
  return count.toLocaleString('en');
}
