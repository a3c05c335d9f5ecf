/** Passes signals on to the server as if it had got them itself, and lets the process end the way the server did. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** What a client or an operator sends. The stop and continue signals reach the server's group without us. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** Keys pressed on a terminal: its driver sends these to every process of the foreground group, the server included. */
const FROM_KEYBOARD: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT']);

/** Node ignores these. Once a listener of theirs is removed, they have the default action again. */
const IGNORED_BY_NODE: ReadonlySet<NodeJS.Signals> = new Set(['SIGPIPE', 'SIGXFSZ']);

/** Calls `forward` for each signal that the server has not got by itself, and before it `received` for every one. */
export function onSignals(
  received: (signal: NodeJS.Signals) => void,
  forward: (signal: NodeJS.Signals) => void,
): void {
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      received(signal);
      if (!(FROM_KEYBOARD.has(signal) && inTerminalForeground())) forward(signal);
    });
  }
}

/** Ends this process as the server ended: same code, or death by the same signal. */
export function endLike(code: number | null, signal: NodeJS.Signals | null): void {
  if (signal !== null) {
    if (IGNORED_BY_NODE.has(signal)) process.on(signal, () => undefined);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // The signal is delivered before the next turn; one that this process cannot die of ends as a shell would tell it.
    setImmediate(() => process.exit(128 + constants.signals[signal]));
    return;
  }
  process.exit(code ?? 1);
}

/** Whether this process's group is the foreground group of a terminal (fields pgrp and tpgid of proc(5)). */
function inTerminalForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[2] === fields[5];
  } catch {
    return process.stdin.isTTY;
  }
}
