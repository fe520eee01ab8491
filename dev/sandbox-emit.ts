import { readEmitArguments, USAGE, UsageError } from './emit-arguments.js';
import {
  campaignProgress,
  findSandbox,
  runCampaign,
  SandboxRefusalError,
} from './sandbox-control.js';
import type { CampaignSummary } from './sandbox/campaign-summary.js';
import type { EmitOptions } from './sandbox/emit-options.js';

const REDRAW_MS = 200;

try {
  const options = readEmitArguments(process.argv.slice(2));
  if (options === 'help') console.log(USAGE);
  else await emit(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof SandboxRefusalError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function emit(options: Partial<EmitOptions>): Promise<void> {
  const controlUrl = await findSandbox();
  if (controlUrl === undefined) {
    throw new UsageError(
      'No partner sandbox runs in this checkout: start "npm run dev" first, in another terminal.',
    );
  }
  const showing = process.stdout.isTTY ? showProgress(controlUrl) : undefined;
  const summary = await runCampaign(controlUrl, options).finally(() => showing?.stop());
  console.log(tableOf(summary));
  const { refused, gaveUp, badSignatures } = summary;
  if (refused + gaveUp > 0 || badSignatures.refused < badSignatures.sent) process.exitCode = 1;
}

function showProgress(controlUrl: string): { stop(): void } {
  const timer = setInterval(() => {
    void campaignProgress(controlUrl)
      .catch(() => null)
      .then((progress) => {
        if (progress === null || !timer.hasRef()) return;
        const { deliveries, done, requests } = progress;
        const share = Math.floor((done * 100) / deliveries);
        process.stdout.write(
          `\r${String(share).padStart(3)}%  ${grouped(done)} of ${grouped(deliveries)} sent, ${grouped(requests)} requests\u001b[K`,
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

function tableOf(summary: CampaignSummary): string {
  const { answered, statuses, badSignatures, seconds, perSecond } = summary;
  const { failed = 0, ...byStatus } = statuses;
  const rows: [string, number, string?][] = [
    ['events', summary.events],
    ['requests', summary.requests, `in ${seconds} s, ${grouped(perSecond)} a second`],
    ...Object.entries(byStatus).map<[string, number]>(([status, requests]) => [
      `  answered ${status}`,
      requests,
    ]),
    ['  not answered', failed],
    ['processed', answered.processed],
    ['duplicates', answered.duplicate],
    ['ignored', answered.ignored],
    ['refused for good', summary.refused],
    ['given up', summary.gaveUp],
    ['wrongly signed', badSignatures.sent, `${grouped(badSignatures.refused)} of them refused`],
    ['seed', summary.seed],
  ];
  const width = Math.max(...rows.map(([, number]) => grouped(number).length));
  return rows
    .map(([label, number, remark]) => {
      const count = label === 'seed' ? String(number) : grouped(number).padStart(width);
      return `${label.padEnd(18)}${count}${remark === undefined ? '' : `  ${remark}`}`;
    })
    .join('\n');
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
