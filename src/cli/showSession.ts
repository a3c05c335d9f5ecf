/** What is known of a session as a whole: who spoke with whom, from when to when, how it ended, what was found. */
import type { StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import { endOf, inferredOf, partyOf, recordingOf, serverAt, STATUS_STYLE } from './describe.ts';
import { duration, localTime, pad, safe, size, type Terminal } from './terminal.ts';

export async function showSession(
  reader: StoreReader,
  session: SessionRecord,
  terminal: Terminal,
): Promise<void> {
  const { completeness, status, pinned, note } = session;
  await terminal.line(terminal.paint('bold', `Session ${session.id}`));
  for (const [name, value] of [
    ...factsOf(session),
    ['Status', terminal.paint(STATUS_STYLE[status], status)],
    ['Traffic', `${session.frames} frames, ${size(session.bytes)}`],
    ['Replay of', safe(session.replayOf ?? '')],
    ['Kept', pinned ? 'pinned' : ''],
    ['Note', safe(note ?? '')],
    ['Recording', terminal.paint(completeness.complete ? undefined : 'yellow', recordingOf(completeness))],
  ] as const) {
    if (value !== '') await terminal.line(`  ${terminal.paint('dim', pad(name, 10))} ${value}`);
  }
  if (session.lastStderr.length > 0 && status !== 'ok') {
    await terminal.line(terminal.paint('dim', '  Last lines of stderr'));
    for (const line of session.lastStderr) await terminal.line(`    ${safe(line)}`);
  }
  const findings = reader.findings(session.id);
  if (findings.length > 0)
    await terminal.line(`\n${terminal.paint('bold', `Findings (${session.findings})`)}`);
  for (const { rule, seq, detail } of findings) {
    await terminal.line(`  ${terminal.paint('yellow', pad(rule, 24))} frame ${seq}: ${safe(detail)}`);
  }
}

/** Name and value; what is not known or does not apply is empty. */
function factsOf(session: SessionRecord): (readonly [string, string])[] {
  const { startedAtUs, endedAtUs, protocolVersion, era, transport, sessionIdHash, inferred } = session;
  return [
    ['Server', `${safe(session.server)}${inBrackets(partyOf(session.serverInfo))}`],
    ['Client', clientOf(session)],
    ['Protocol', [safe(protocolVersion ?? 'unknown'), era ?? '', transport].filter(Boolean).join(', ')],
    [transport === 'http' ? 'Target' : 'Command', serverAt(session)],
    // As it stands in the frames.
    ['Session id', sessionIdHash === undefined ? '' : `[hashed:${safe(sessionIdHash)}]`],
    ['Inferred', inferred === undefined ? '' : inferredOf(inferred)],
    ['Folder', safe(session.cwd)],
    [
      'Started',
      `${localTime(startedAtUs)} on ${safe(session.hostname)}, sidelight ${safe(session.sidelightVersion)}`,
    ],
    [
      'Ended',
      endedAtUs === undefined
        ? session.status
        : `${localTime(endedAtUs)}, after ${duration(endedAtUs - startedAtUs)}`,
    ],
    ['End', howItEnded(session)],
  ];
}

function clientOf({ clientInfo, clientAddress = '' }: SessionRecord): string {
  const name = partyOf(clientInfo) || '(never said who it is)';
  return clientAddress === '' ? name : `${name}, from ${safe(clientAddress)}`;
}

function howItEnded({ endCause, exitCode, exitSignal }: SessionRecord): string {
  if (endCause === undefined) return '';
  const exit = exitSignal ?? (exitCode === undefined ? '' : `exit code ${exitCode}`);
  return endOf(endCause) + inBrackets(exit);
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`;
}
