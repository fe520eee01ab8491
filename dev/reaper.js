/**
 * Runs one command for its parent (see managed-process.ts). Stops the command's process group when the parent
 * closes the IPC channel or dies: the channel closes even when the parent is killed by SIGKILL.
 * This is plain JavaScript, because it starts faster without a TypeScript loader.
 */
import { spawn } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

/** @type {Set<number>} Processes stopped by SIGSTOP. They need SIGCONT before they can handle another signal. */
const paused = new Set();

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalTo(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has already exited.
  }
}

/** @param {import('./managed-process.js').Report} report */
function report(report) {
  // The callback ignores the error of a parent that is gone.
  process.send?.(report, () => undefined);
}

/** @param {string} path */
async function remove(path) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch {
      // Another process of the same parent still writes there until it ends.
    }
  }
}

/** @param {import('./managed-process.js').ProcessOptions} options */
function run(options) {
  const end = async (/** @type {number} */ code) => {
    if (options.remove) await remove(options.remove);
    process.exit(code);
  };

  if (!options.command) {
    process.once('disconnect', () => end(0));
    report({});
    return;
  }

  const output = options.log ? openSync(options.log, 'a') : 'inherit';
  const child = spawn(options.command, options.args ?? [], {
    cwd: options.cwd,
    env: options.env,
    uid: options.uid,
    gid: options.gid,
    // Makes the child the leader of a process group, which can be signalled as a whole.
    detached: true,
    stdio: ['ignore', output, output],
  });
  child.once('error', (error) => {
    report({ error: error.message });
    end(127);
  });
  child.once('spawn', () => {
    const pid = /** @type {number} */ (child.pid);
    report({ pid });
    process.on('message', (/** @type {import('./managed-process.js').SignalRequest} */ message) => {
      for (const target of message.pids) {
        if (message.signal === 'SIGSTOP') paused.add(target);
        if (message.signal === 'SIGCONT') paused.delete(target);
        signalTo(target, message.signal);
      }
      report({});
    });
    const stop = () => {
      for (const target of paused) signalTo(target, 'SIGCONT');
      signalTo(-pid, options.stopSignal ?? 'SIGTERM');
      setTimeout(() => signalTo(-pid, 'SIGKILL'), options.graceMs ?? 10_000);
    };
    if (process.connected) process.once('disconnect', stop);
    else stop();
    child.once('exit', (code, signal) => {
      signalTo(-pid, 'SIGKILL');
      end(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}

process.once('message', run);
for (const signal of /** @type {const} */ (['SIGHUP', 'SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    if (process.connected) process.disconnect();
  });
}
