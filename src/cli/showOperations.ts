/** The operations of a session as lines: when, how long, how it went, what was asked. */
import type { StoreReader } from '../store/read.ts';
import type { OperationRecord, SessionRecord } from '../store/record.ts';
import { callOf, httpStatusOf, MIN_NOTE_COLUMNS, OUTCOME_STYLE } from './describe.ts';
import { inputWaitUs } from '../event/legs.ts';
import { duration, fit, pad, safe, type Terminal, width } from './terminal.ts';

/** Requests of the server stand under the call that they serve. */
export async function showOperations(
  reader: StoreReader,
  session: SessionRecord,
  full: boolean,
  terminal: Terminal,
): Promise<void> {
  await terminal.line(`\n${terminal.paint('bold', `Operations (${session.operations})`)}`);
  const nested = new Map<number, OperationRecord[]>();
  for (const operation of reader.operations(session.id)) {
    const { parentOperationId: parent } = operation;
    if (parent !== undefined) nested.set(parent, [...(nested.get(parent) ?? []), operation]);
  }
  const print = async (operation: OperationRecord, depth: number): Promise<void> => {
    await terminal.line(operationLine(operation, session, depth, full, terminal));
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
  full: boolean,
  terminal: Terminal,
): string {
  const { outcome, startedAtUs, endedAtUs, initiator } = operation;
  const since = sinceStart(startedAtUs, session);
  const took = pad(duration(endedAtUs - startedAtUs), 9, 'left');
  const how = pad(outcome, 14);
  const arrow = initiator === 'client_to_server' ? '→' : '←';
  const what = `${'  '.repeat(depth)}${arrow} ${callOf(operation)}`;
  const room = terminal.breakAt - width([since, took, how, what, ''].join('  '));
  const notes = notesOf(operation).join(', ');
  return [
    terminal.paint('dim', since),
    took,
    terminal.paint(OUTCOME_STYLE[outcome], how),
    what,
    terminal.paint('dim', full ? notes : fit(notes, Math.max(room, MIN_NOTE_COLUMNS))),
  ]
    .join('  ')
    .trimEnd();
}

function notesOf(operation: OperationRecord): string[] {
  const { error, http, progressCount, legs, stream, task, subscription } = operation;
  const status = httpStatusOf(operation);
  const isStatus = status !== '' && error?.type === String(http?.status);
  const type = isStatus ? status : error?.type;
  return [
    isStatus ? '' : status,
    progressCount > 0 ? `${progressCount} progress` : '',
    legs.length > 1 ? `${legs.length} round trips, ${duration(inputWaitUs(legs))} for ${askedOf(legs)}` : '',
    task === undefined
      ? ''
      : `task ${task.states.map(({ status }) => status).join(' > ')}, ${task.polls} polls`,
    stream ? streamOf(subscription) : '',
    // Last, since it alone can be long.
    [type, error?.message]
      .filter((part) => part !== undefined)
      .map(safe)
      .join(': '),
  ].filter((note) => note !== '');
}

/** What was asked for between the legs: `elicitation/create`, or nothing but the state. */
function askedOf(legs: OperationRecord['legs']): string {
  const asked = [...new Set(legs.flatMap((leg) => leg.asked ?? []))];
  return asked.length === 0 ? 'the client' : asked.map(safe).join(', ');
}

function streamOf(subscription: OperationRecord['subscription']): string {
  if (subscription === undefined) return 'stream';
  const { notifications, closedBy } = subscription;
  return `stream, ${notifications} notifications${closedBy === undefined ? '' : `, closed by the ${closedBy}`}`;
}

/** `+0.012 s`. What came on an exchange that was opened before the session's first is before its start. */
export function sinceStart(atUs: number, { startedAtUs }: Pick<SessionRecord, 'startedAtUs'>): string {
  const millis = Math.round((atUs - startedAtUs) / 1000);
  return pad(`${millis < 0 ? '-' : '+'}${(Math.abs(millis) / 1000).toFixed(3)} s`, 11, 'left');
}
