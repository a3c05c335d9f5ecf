/** The frames of a session as lines: a preview of each, or with `full` the whole payload. Read as they are printed. */
import type { StoredFrame } from '../store/block.ts';
import type { StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import { type HttpNote, httpNoteOf } from './httpNote.ts';
import { sinceStart } from './showOperations.ts';
import { fit, indented, pad, safe, size, type Style, type Terminal, width } from './terminal.ts';

const ARROWS: Readonly<Record<StoredFrame['channel'], readonly [string, Style]>> = {
  client_to_server: ['→', 'blue'],
  server_to_client: ['←', 'cyan'],
  stderr: ['!', 'yellow'],
};
const KIND_COLUMNS = 12;
/** Room for `request` and a method, or for most notifications. */
const NAME_COLUMNS = KIND_COLUMNS + 18;
/** A method that a peer made very long does not push the payload out of sight. */
const MAX_NAME_COLUMNS = 40;
const INDENT = ' '.repeat(8);

export async function showFrames(
  reader: StoreReader,
  session: SessionRecord,
  full: boolean,
  terminal: Terminal,
): Promise<void> {
  const overHttp = session.transport === 'http';
  const legend = overHttp ? ', x: HTTP exchange' : '';
  await terminal.line(`\n${terminal.paint('bold', `Frames (${session.frames}${legend})`)}`);
  for (const frame of reader.frames(session.id)) {
    if (terminal.gone) return;
    const [arrow, style] = ARROWS[frame.channel];
    const place = [
      pad(`#${frame.seq}`, 6, 'left'),
      sinceStart(frame.atUs, session),
      ...(overHttp ? [pad(frame.exchange === undefined ? '' : `x${frame.exchange}`, 6, 'left')] : []),
      arrow,
    ].join(' ');
    const note = frame.kind === 'http' ? httpNoteOf(textOf(frame.bytes)) : undefined;
    if (note === undefined) await message(frame, place, style, full, terminal);
    else await fact(note, `${place} `, style, full, terminal);
  }
}

/** What Sidelight noted of HTTP has no size and no payload of its own. */
async function fact(
  { line, details, failed }: HttpNote,
  place: string,
  style: Style,
  full: boolean,
  terminal: Terminal,
): Promise<void> {
  const shown = full ? line : fit(line, terminal.breakAt - width(place));
  await terminal.line(terminal.paint(style, place) + terminal.paint(failed ? 'red' : style, shown));
  if (full) for (const detail of details) await terminal.line(INDENT + detail);
}

async function message(
  frame: StoredFrame,
  place: string,
  style: Style,
  full: boolean,
  terminal: Terminal,
): Promise<void> {
  const marks = [
    frame.truncated ? 'cut' : '',
    frame.redactions > 0 ? 'redacted' : '',
    full && frame.eventId !== undefined ? `event id=${safe(frame.eventId)}` : '',
  ].filter((mark) => mark !== '');
  const head = [
    place,
    pad(nameOf(frame), NAME_COLUMNS),
    pad(size(frame.sizeBytes), 8, 'left'),
    ...(marks.length === 0 ? [] : [`(${marks.join(', ')})`]),
  ].join(' ');
  const painted = terminal.paint(style, head);
  if (full) {
    await terminal.line(painted);
    for (const line of indented(textOf(frame.bytes))) await terminal.line(INDENT + safe(line));
    return;
  }
  const room = terminal.columns - width(head) - 2;
  // A character is at most four bytes: no more are looked at than can be shown.
  const preview = safe(textOf(frame.bytes.subarray(0, Math.max(0, room) * 4)));
  await terminal.line(`${painted}  ${fit(preview, room)}`.trimEnd());
}

/** `request      tools/call`; a notification's method says that it is one. */
function nameOf({ kind, method }: StoredFrame): string {
  const name =
    kind === 'notification' && method?.startsWith('notifications/') === true
      ? method
      : `${pad(kind, KIND_COLUMNS)} ${method ?? ''}`;
  return fit(safe(name), MAX_NAME_COLUMNS);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}
