/** `sidelight show <session>`: who spoke, what was asked and how it went, and every frame. */
import type { StoredFrame } from '../store/block.ts';
import type { StoreReader } from '../store/read.ts';
import type { OperationRecord, SessionRecord } from '../store/record.ts';
import { callOf, OUTCOME_STYLE, partyOf, recordingOf, STATUS_STYLE, withStore } from './describe.ts';
import {
  duration,
  fit,
  indented,
  json,
  localTime,
  pad,
  safe,
  size,
  type Style,
  type Terminal,
  width,
} from './terminal.ts';

export interface ShowOptions {
  readonly json?: boolean;
  /** Payloads whole and indented, instead of a line of each. */
  readonly full?: boolean;
  /** False: operations only. */
  readonly frames?: boolean;
}

/** Prints the session that `wanted` stands for (part of an id, or `last`); resolves to the exit code. */
export function show(
  dataDir: string,
  wanted: string,
  options: ShowOptions,
  terminal: Terminal,
): Promise<number> {
  return withStore(dataDir, terminal, async (reader) => {
    const session = reader.findSession(wanted);
    if (options.json === true) {
      await showJson(reader, session, options, terminal);
      return 0;
    }
    await header(reader, session, terminal);
    await operations(reader, session, terminal);
    if (options.frames !== false) await frames(reader, session, options.full === true, terminal);
    return 0;
  });
}

async function header(reader: StoreReader, session: SessionRecord, terminal: Terminal): Promise<void> {
  const { startedAtUs, endedAtUs, protocolVersion, era, transport, completeness } = session;
  const facts: (readonly [string, string])[] = [
    ['Server', `${safe(session.server)}${inBrackets(partyOf(session.serverInfo))}`],
    ['Client', partyOf(session.clientInfo) || '(never said who it is)'],
    ['Protocol', [safe(protocolVersion ?? 'unknown'), era ?? '', transport].filter(Boolean).join(', ')],
    ['Command', safe(session.command.join(' '))],
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
    ['End', endOf(session)],
    ['Status', terminal.paint(STATUS_STYLE[session.status], session.status)],
    ['Traffic', `${session.frames} frames, ${size(session.bytes)}`],
    ['Recording', terminal.paint(completeness.complete ? undefined : 'yellow', recordingOf(completeness))],
  ];
  await terminal.line(terminal.paint('bold', `Session ${session.id}`));
  for (const [name, value] of facts) {
    if (value !== '') await terminal.line(`  ${terminal.paint('dim', pad(name, 10))} ${value}`);
  }
  if (session.lastStderr.length > 0 && session.status !== 'ok') {
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

/** Requests of the server stand under the call that they serve. */
async function operations(reader: StoreReader, session: SessionRecord, terminal: Terminal): Promise<void> {
  await terminal.line(`\n${terminal.paint('bold', `Operations (${session.operations})`)}`);
  const nested = new Map<number, OperationRecord[]>();
  for (const operation of reader.operations(session.id)) {
    const { parentOperationId: parent } = operation;
    if (parent !== undefined) nested.set(parent, [...(nested.get(parent) ?? []), operation]);
  }
  const print = async (operation: OperationRecord, depth: number): Promise<void> => {
    await terminal.line(operationLine(operation, session, depth, terminal));
    const children = nested.get(operation.operationId) ?? [];
    nested.delete(operation.operationId);
    for (const child of children) await print(child, depth + 1);
  };
  for (const operation of reader.operations(session.id)) {
    if (terminal.gone) return;
    if (operation.parentOperationId === undefined) await print(operation, 0);
  }
  // What serves a call that is not stored stands on its own.
  for (const operation of [...nested.values()].flat()) await print(operation, 0);
}

function operationLine(
  operation: OperationRecord,
  session: SessionRecord,
  depth: number,
  terminal: Terminal,
): string {
  const { outcome, startedAtUs, endedAtUs, initiator, error, progressCount, legs, stream } = operation;
  const notes = [
    error === undefined
      ? ''
      : `${error.type}${error.message === undefined ? '' : `: ${safe(error.message)}`}`,
    progressCount > 0 ? `${progressCount} progress` : '',
    legs.length > 1 ? `${legs.length} legs` : '',
    stream ? 'stream' : '',
  ].filter((note) => note !== '');
  const arrow = initiator === 'client_to_server' ? '→' : '←';
  return [
    terminal.paint('dim', sinceStart(startedAtUs, session)),
    pad(duration(endedAtUs - startedAtUs), 9, 'left'),
    terminal.paint(OUTCOME_STYLE[outcome], pad(outcome, 14)),
    `${'  '.repeat(depth)}${arrow} ${callOf(operation)}`,
    terminal.paint('dim', notes.join(', ')),
  ]
    .join('  ')
    .trimEnd();
}

const ARROWS: Readonly<Record<StoredFrame['channel'], readonly [string, Style]>> = {
  client_to_server: ['→', 'blue'],
  server_to_client: ['←', 'cyan'],
  stderr: ['!', 'yellow'],
};

async function frames(
  reader: StoreReader,
  session: SessionRecord,
  full: boolean,
  terminal: Terminal,
): Promise<void> {
  await terminal.line(`\n${terminal.paint('bold', `Frames (${session.frames})`)}`);
  for (const frame of reader.frames(session.id)) {
    if (terminal.gone) return;
    const [arrow, style] = ARROWS[frame.channel];
    const marks = [frame.truncated ? 'cut' : '', frame.redactions > 0 ? 'redacted' : '']
      .filter(Boolean)
      .join(', ');
    const head = [
      pad(`#${frame.seq}`, 6, 'left'),
      sinceStart(frame.atUs, session),
      arrow,
      pad(frame.kind, 12),
      pad(safe(frame.method ?? ''), 16),
      pad(size(frame.sizeBytes), 8, 'left'),
      ...(marks === '' ? [] : [`(${marks})`]),
    ].join(' ');
    const painted = terminal.paint(style, head);
    if (full) {
      await terminal.line(painted);
      for (const line of indented(textOf(frame.bytes))) await terminal.line(`        ${safe(line)}`);
    } else {
      const room = terminal.columns - width(head) - 2;
      // A character is at most four bytes: no more are looked at than can be shown.
      const preview = safe(textOf(frame.bytes.subarray(0, Math.max(0, room) * 4)));
      await terminal.line(`${painted}  ${fit(preview, room)}`.trimEnd());
    }
  }
}

/** One object; `frames` in it is written as it is read, however long the session is. */
async function showJson(
  reader: StoreReader,
  session: SessionRecord,
  options: ShowOptions,
  terminal: Terminal,
): Promise<void> {
  const list = async (name: string, items: Iterable<unknown>, end: string): Promise<void> => {
    await terminal.line(`,${json(name)}:[`);
    let separator = '';
    for (const item of items) {
      if (terminal.gone) return;
      await terminal.line(separator + json(item));
      separator = ',';
    }
    await terminal.line(`]${end}`);
  };
  await terminal.line(`{"session":${json(session)}`);
  await list('findings', reader.findings(session.id), '');
  await list('operations', reader.operations(session.id), options.frames === false ? '}' : '');
  if (options.frames !== false) await list('frames', jsonFrames(reader, session), '}');
}

function* jsonFrames(reader: StoreReader, session: SessionRecord): Generator {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (const { bytes, ...frame } of reader.frames(session.id)) {
    try {
      yield { ...frame, text: utf8.decode(bytes) };
    } catch {
      yield { ...frame, base64: Buffer.from(bytes).toString('base64') };
    }
  }
}

function endOf({ endCause, exitCode, exitSignal }: SessionRecord): string {
  if (endCause === undefined) return '';
  const exit = exitSignal ?? (exitCode === undefined ? undefined : `exit code ${exitCode}`);
  return endCause.replaceAll('_', ' ') + inBrackets(exit ?? '');
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`;
}

function sinceStart(atUs: number, { startedAtUs }: SessionRecord): string {
  return pad(`+${((atUs - startedAtUs) / 1_000_000).toFixed(3)} s`, 11, 'left');
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
