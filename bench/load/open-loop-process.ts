// A process of its own that sends one load, so that its event loop and its CPU time are the sender's alone.
import { readFileSync } from 'node:fs';

import { SEPARATOR } from '../wrk-generator.js';
import { sendLoad, type SenderLoad } from './open-loop-sender.js';

/** A load whose requests are in a file. */
export interface SenderOrder extends Omit<SenderLoad, 'requests'> {
  readonly file: string;
}

process.once('message', ({ file, ...load }: SenderOrder) => {
  void sendLoad({ ...load, requests: readRequests(file) }).then((result) => {
    process.send?.(result);
    process.disconnect();
  });
});
// The load ends with the process that wants its result.
process.once('disconnect', () => {
  process.exit();
});

function readRequests(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const requests: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(SEPARATOR, start);
    requests.push(bytes.subarray(start, end));
    start = end + SEPARATOR.length;
  }
  return requests;
}
