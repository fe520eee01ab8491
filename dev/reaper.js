/**
 * Runs one process for the process that started this one (see managed-process.ts) and ends it, and
 * whatever it started, as soon as that one says so or is gone: the IPC channel breaks even when its
 * other end is killed. Plain JavaScript, so that it needs no loader and is there within milliseconds.
 */
import { spawn } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

/** @type {Set<number>} A frozen process hears no signal but SIGKILL: these must be woken to be stopped. */
const frozen = new Set();

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalTo(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

/** @param {import('./managed-process.js').Report} report */
function report(report) {
  // A parent that is gone wants no report: the channel's breaking stops the process.
  process.send?.(report, () => undefined);
}

/** @param {string} path */
async function remove(path) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch {
      // Others that lost the same parent are still ending, and write there until they have.
    }
  }
}

/** @param {import('./managed-process.js').Order} order */
function carryOut(order) {
  const end = async (/** @type {number} */ code) => {
    if (order.remove) await remove(order.remove);
    process.exit(code);
  };

  if (!order.command) {
    process.once('disconnect', () => end(0));
    report({});
    return;
  }

  const output = order.log ? openSync(order.log, 'a') : 'inherit';
  const child = spawn(order.command, order.args ?? [], {
    cwd: order.cwd,
    env: order.env,
    uid: order.uid,
    gid: order.gid,
    // A group of its own, to be signalled whole.
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
    process.on('message', (/** @type {import('./managed-process.js').Signalling} */ message) => {
      for (const target of message.pids) {
        if (message.signal === 'SIGSTOP') frozen.add(target);
        if (message.signal === 'SIGCONT') frozen.delete(target);
        signalTo(target, message.signal);
      }
      report({});
    });
    const stop = () => {
      for (const target of frozen) signalTo(target, 'SIGCONT');
      signalTo(-pid, order.stopSignal ?? 'SIGTERM');
      setTimeout(() => signalTo(-pid, 'SIGKILL'), order.graceMs ?? 10_000);
    };
    if (process.connected) process.once('disconnect', stop);
    else stop();
    child.once('exit', (code, signal) => {
      signalTo(-pid, 'SIGKILL');
      end(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}

process.once('message', carryOut);
for (const signal of /** @type {const} */ (['SIGHUP', 'SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    if (process.connected) process.disconnect();
  });
}
