/**
 * The second redaction, on the way out: rules may have come since a session was recorded, and it may have been recorded
 * without any. What is a placeholder already stays as it is, so that doing it again changes nothing.
 */
import type { Redactor } from '../event/redact.ts';
import type { StoredFrame } from '../store/block.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../store/record.ts';
import { readableText, type Source } from './source.ts';

/** What stands where a secret, an id or a credential was. */
const PLACEHOLDER = /^\[(?:redacted:|hashed:|not recorded\])/;

export function redactedSource(source: Source, redactor: Redactor): Source {
  return {
    session: redactedSession(source.session, redactor),
    operations: () => each(source.operations(), (operation) => redactedOperation(operation, redactor)),
    findings: () => each(source.findings(), (finding) => redactedFinding(finding, redactor)),
    frames: () => each(source.frames(), (frame) => redactedFrame(frame, redactor)),
  };
}

/** A frame with what the rules find in it replaced and counted. */
export function redactedFrame(frame: StoredFrame, redactor: Redactor): StoredFrame {
  const noted = frame.kind === 'http' ? withoutCredentials(frame.bytes, redactor) : undefined;
  const bytes = noted?.bytes ?? frame.bytes;
  const { text, count } = redactor.frame(bytes, latin1, redactor.mark(bytes, frame.sizeBytes));
  if (frame.kind === 'result' && frame.method === 'tools/list') redactor.learn(bytes);
  const redactions = (noted?.count ?? 0) + count;
  if (redactions === 0) return frame;
  const told = count === 0 ? bytes : Buffer.from(text, 'latin1');
  return { ...frame, bytes: told, redactions: frame.redactions + redactions };
}

export function redactedSession(session: SessionRecord, redactor: Redactor): SessionRecord {
  const redact = (text: string): string => redactor.redact(text).text;
  return {
    ...session,
    command: redactor.command(session.command),
    cwd: redact(session.cwd),
    target: session.target === undefined ? undefined : redact(session.target),
    lastStderr: session.lastStderr.map(redact),
  };
}

function redactedOperation(operation: OperationRecord, redactor: Redactor): OperationRecord {
  const { target, error } = operation;
  const redact = (text: string): string => redactor.redact(text).text;
  return {
    ...operation,
    target: target === undefined ? undefined : { ...target, name: redact(target.name) },
    error: error?.message === undefined ? error : { ...error, message: redact(error.message) },
  };
}

function redactedFinding(finding: FindingRecord, redactor: Redactor): FindingRecord {
  return { ...finding, detail: redactor.redact(finding.detail).text };
}

/** Header fields whose name says that they are credentials: their values look like anything. */
function withoutCredentials(
  bytes: Uint8Array,
  redactor: Redactor,
): { readonly bytes: Uint8Array; readonly count: number } | undefined {
  let count = 0;
  const told = (field: unknown): unknown => {
    if (!Array.isArray(field) || typeof field[0] !== 'string' || typeof field[1] !== 'string') return field;
    const [name, value] = field as [string, string];
    if (PLACEHOLDER.test(value)) return field;
    const shown = redactor.header(name, value);
    if (shown !== value) count += 1;
    return [name, shown];
  };
  try {
    const fact = JSON.parse(readableText(bytes)) as Record<string, unknown> | null;
    for (const member of ['headers', 'trailers'])
      if (Array.isArray(fact?.[member])) fact[member] = fact[member].map(told);
    return count === 0 ? undefined : { bytes: Buffer.from(JSON.stringify(fact)), count };
  } catch {
    return undefined;
  }
}

function* each<T>(items: Iterable<T>, change: (item: T) => T): Generator<T> {
  for (const item of items) yield change(item);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
