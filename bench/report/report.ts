import { cpus, totalmem } from 'node:os';

import { type Counts, type Latency, toHundredths } from '../statistics.js';
import type { Testbed } from '../testbed.js';

export type Cell = string | number;

/** What a suite has measured. */
export interface Report extends Findings {
  readonly title: string;
  /** How it was measured. */
  readonly method: string;
}

/** The part of a report that one scenario contributes. */
export interface Findings {
  readonly goals: readonly Goal[];
  readonly sections: readonly Section[];
}

export type Goal = readonly [what: string, goal: string, measured: string, met: 'yes' | '**no**'];

export interface Section {
  readonly title: string;
  readonly text: string;
  /** The column heads of the table, separated by ` | `. */
  readonly head: string;
  readonly rows: readonly (readonly Cell[])[];
  readonly faults?: Counts;
  /** An image file beside the report. */
  readonly plot?: { readonly file: string; readonly svg: string };
}

export function combine(...findings: readonly Findings[]): Findings {
  return {
    goals: findings.flatMap(({ goals }) => goals),
    sections: findings.flatMap(({ sections }) => sections),
  };
}

export function atMost(limit: number, unit: string, what: string, measured: number): Goal {
  const value = toHundredths(measured);
  return [what, `≤ ${limit}${unit}`, `${value}${unit}`, value <= limit ? 'yes' : '**no**'];
}

export function atLeast(limit: number, unit: string, what: string, measured: number): Goal {
  const value = toHundredths(measured);
  return [what, `≥ ${limit}${unit}`, `${value}${unit}`, value >= limit ? 'yes' : '**no**'];
}

/** A goal that something does not happen. */
export function never(what: string, times: number): Goal {
  return [what, '0', thousands(times), times === 0 ? 'yes' : '**no**'];
}

export async function toMarkdown(report: Report, suite: string, testbed: Testbed): Promise<string> {
  const [server] = await testbed.query<{ version: string }>(
    "SELECT current_setting('server_version') AS version",
  );
  const [cores, memory] = [cpus().length, `${Math.round(totalmem() / 2 ** 30)} GiB`];
  const versions = `Node ${process.versions.node}, PostgreSQL ${server?.version ?? ''}`;
  const date = new Date().toISOString().slice(0, 10);
  const blocks = [
    `# ${report.title}`,
    `${thousands(testbed.rows)} products. The service, PostgreSQL, Redis, everything they are compared with and the load share ${cores} cores and ${memory}. ${versions}, ${date}. Run it with \`npm run bench -- ${suite}\`.`,
    report.method,
    table('what | goal | measured | met', report.goals),
    ...report.sections.flatMap(({ title, text, head, rows, faults = {}, plot }) => [
      `## ${title}`,
      text,
      plot && `![${title}](${plot.file})`,
      table(head, rows),
      Object.entries(faults)
        .map(([fault, times]) => `- ${thousands(times)} × ${fault}`)
        .join('\n'),
    ]),
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}

/** A table whose columns of numbers are aligned to the right. */
function table(head: string, rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`;
  const rules = rows[0]?.map((cell) => (/^\d/.test(String(cell)) ? '---:' : '---')) ?? [];
  return [`| ${head} |`, line(rules), ...rows.map(line)].join('\n');
}

/** The heads of {@link latencyCells}. */
export const LATENCY_HEAD = 'P50, ms | P95, ms | P99, ms | max, ms';

export function latencyCells({ p50, p95, p99, max }: Latency): string[] {
  return [p50, p95, p99, max].map(ms);
}

/** Milliseconds with one decimal place; a dash when there are none. */
export function ms(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? milliseconds.toFixed(1) : '–';
}

/** An integer with separators between thousands. */
export function thousands(count: number): string {
  return Math.round(count).toLocaleString('en');
}
