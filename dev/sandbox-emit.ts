import { readEmitArguments, USAGE, UsageError } from './emit-arguments.js';
import { emitEvents, emitProgress, findSandbox, SandboxError } from './sandbox-control.js';
import type { EmitOptions } from './sandbox/emit-options.js';
import type { EmitSummary } from './sandbox/emit-summary.js';

const REDRAW_MS = 200;

try {
  const options = readEmitArguments(process.argv.slice(2));
  if (options === 'help') console.log(USAGE);
  else await emit(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof SandboxError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function emit(options: Partial<EmitOptions>): Promise<void> {
  const controlUrl = await findSandbox();
  if (controlUrl === undefined) {
    throw new UsageError(
      'The partner sandbox is not running. Start it with "npm run dev" in another terminal.',
    );
  }
  const progress = process.stdout.isTTY ? showProgress(controlUrl) : undefined;
  const summary = await emitEvents(controlUrl, options).finally(() => progress?.stop());
  console.log(tableOf(summary));
  const { refused, gaveUp, badSignatures } = summary;
  if (refused + gaveUp > 0 || badSignatures.refused < badSignatures.sent) process.exitCode = 1;
}

function showProgress(controlUrl: string): { stop(): void } {
  const timer = setInterval(() => {
    void emitProgress(controlUrl).then((progress) => {
      if (progress === null || !timer.hasRef()) return;
      const { deliveries, done, requests } = progress;
      const percent = String(Math.floor((done * 100) / deliveries)).padStart(3);
      process.stdout.write(
        `\r${percent}%  ${grouped(done)} of ${grouped(deliveries)} sent, ${grouped(requests)} requests\u001b[K`,
      );
    });
  }, REDRAW_MS);
  return {
    stop: () => {
      clearInterval(timer);
      timer.unref();
      process.stdout.write('\r\u001b[K');
    },
  };
}

function tableOf(summary: EmitSummary): string {
  const { answered, statuses, badSignatures, seconds, perSecond } = summary;
  const { failed = 0, ...byStatus } = statuses;
  const rows: [string, number, string?][] = [
    ['events', summary.events],
    ['requests', summary.requests, `in ${seconds} s, ${grouped(perSecond)} per second`],
    ...Object.entries(byStatus).map<[string, number]>(([status, requests]) => [
      `  status ${status}`,
      requests,
    ]),
    ['  no response', failed],
    ['processed', answered.processed],
    ['duplicates', answered.duplicate],
    ['ignored', answered.ignored],
    ['rejected', summary.refused, '(400, 413, 415 or 422)'],
    ['given up', summary.gaveUp],
    ['bad signatures', badSignatures.sent, `${grouped(badSignatures.refused)} of them rejected`],
  ];
  const width = Math.max(...rows.map(([, number]) => grouped(number).length));
  return rows
    .map(([label, number, remark]) =>
      `${label.padEnd(18)}${grouped(number).padStart(width)}  ${remark ?? ''}`.trimEnd(),
    )
    .join('\n');
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
