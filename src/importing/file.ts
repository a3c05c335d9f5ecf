/**
 * A file of recorded sessions into the store: all that can be read of it, or nothing. It is put together beside the store, so that
 * nothing half-written is ever seen, whatever happens on the way.
 */
import type { McpEvent } from '../event/event.ts';
import { formatOf, HEAD_BYTES, type ImportFormat } from '../formats/importFormats.ts';
import type { Missing } from '../formats/recording.ts';
import type { ImportEvents, ImportOptions } from './options.ts';
import { importReader } from './reader.ts';
import { schemaValidators } from '../schema.ts';
import { uuidV7 } from '../self/uuid.ts';
import { SessionProjection } from '../store/session.ts';
import { type Correction, Staging } from '../store/staging.ts';
import type { SessionBatch } from '../store/write.ts';

export interface ImportFileOptions extends Omit<ImportOptions, 'events' | 'newSessionId' | 'validatorOf'> {
  readonly dataDir: string;
  /** Undefined: told by how it begins. */
  readonly format: ImportFormat | undefined;
  readonly input: AsyncIterable<Uint8Array>;
}

export interface ImportedSession {
  readonly id: string;
  /** In the file, where it had one that was taken here. */
  readonly oldId: string | undefined;
  readonly frames: number;
  readonly operations: number;
  readonly failedOperations: number;
  /** Nothing of it is missing. */
  readonly whole: boolean;
}

export interface Imported {
  /** Undefined: the file is in no format that is known. */
  readonly format: ImportFormat | undefined;
  readonly sessions: readonly ImportedSession[];
}

/** Events that are held until they are written. */
const MAX_BATCH_EVENTS = 4096;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** Rejects with a StoreError, or with what reading the input rejects with; nothing is imported then. */
export async function importFile(options: ImportFileOptions): Promise<Imported> {
  const { dataDir, input, format: wanted } = options;
  const staging = await Staging.open(dataDir);
  try {
    const staged = new StagedSessions(staging);
    const open = (head: Uint8Array) => {
      const format = wanted ?? formatOf(Buffer.from(head.subarray(0, HEAD_BYTES)).toString('utf8'));
      const each = { ...options, validatorOf: schemaValidators(), events: staged };
      return { format, reader: format && importReader(format, each) };
    };
    let head: Uint8Array = new Uint8Array(0);
    let opened: ReturnType<typeof open> | undefined;
    for await (const bytes of input) {
      if (opened !== undefined) {
        opened.reader?.push(bytes);
        continue;
      }
      head = Buffer.concat([head, bytes]);
      if (head.length < HEAD_BYTES) continue;
      opened = open(head);
      if (opened.reader === undefined) break;
      opened.reader.push(head);
    }
    if (opened === undefined) {
      opened = open(head);
      opened.reader?.push(head);
    }
    opened.reader?.end();
    const found = staged.end();
    if (found.length === 0) return { format: opened.format, sessions: [] };
    const names = await staging.commit(uuidV7);
    return {
      format: opened.format,
      sessions: found.map(({ row, whole }) => {
        const id = names.get(row.id) ?? row.id;
        const oldId = id === row.id ? undefined : row.id;
        const { frames, operations, failed: failedOperations } = row;
        return { id, oldId, frames, operations, failedOperations, whole };
      }),
    };
  } finally {
    staging.discard();
  }
}

interface Staged {
  readonly session: SessionProjection;
  readonly missing: Missing | undefined;
  whole: boolean;
}

/** Sorts events into what is written of each session. */
class StagedSessions implements ImportEvents {
  readonly #staging: Staging;
  readonly #sessions = new Map<string, Staged>();
  readonly #missing = new Map<string, Missing>();
  #batches = new Map<SessionProjection, SessionBatch>();
  #events = 0;
  #bytes = 0;

  constructor(staging: Staging) {
    this.#staging = staging;
  }

  begun({ session, missing }: Parameters<ImportEvents['begun']>[0]): void {
    this.#missing.set(session.id, missing);
  }

  event(event: McpEvent): void {
    const staged = this.#stagedOf(event);
    const { session } = staged;
    session.apply(
      event.type === 'session_ended'
        ? {
            ...event,
            operations: session.row.operations,
            failedOperations: session.row.failed,
            findings: session.row.findings,
          }
        : event,
    );
    const batch = this.#batches.get(session) ?? emptyBatch(session);
    this.#batches.set(session, batch);
    if (event.type === 'frame_recorded') {
      batch.frames.push(event);
      this.#bytes += event.bytes.length;
    } else if (event.type === 'operation_finished') batch.operations.push(event);
    else if (event.type === 'finding_raised') batch.findings.push(event);
    this.#events += 1;
    if (this.#events >= MAX_BATCH_EVENTS || this.#bytes >= MAX_BATCH_BYTES) this.#flush();
  }

  ended(sessionId: string, missing: number): void {
    const staged = this.#sessions.get(sessionId);
    if (staged === undefined) return;
    const { session } = staged;
    const told = staged.missing?.droppedEvents ?? 0;
    staged.whole = missing === 0;
    // Of those that the file does not have, steps in the numbers of frames have told some already.
    session.lost(Math.max(0, told + missing - session.row.dropped_events));
    if (!this.#batches.has(session)) this.#batches.set(session, emptyBatch(session));
    this.#flush();
    this.#staging.correct(sessionId, correctionOf(staged.missing));
  }

  end(): readonly { readonly row: SessionProjection['row']; readonly whole: boolean }[] {
    this.#flush();
    return [...this.#sessions.values()].map(({ session, whole }) => ({ row: session.row, whole }));
  }

  #stagedOf(event: McpEvent): Staged {
    const known = this.#sessions.get(event.sessionId);
    if (known !== undefined) return known;
    const missing = this.#missing.get(event.sessionId);
    this.#missing.delete(event.sessionId);
    // No process of this machine records it.
    const session = new SessionProjection(event, recordOf(missing), () => 'imported');
    const staged = { session, missing, whole: true };
    this.#sessions.set(event.sessionId, staged);
    return staged;
  }

  #flush(): void {
    const batches = [...this.#batches.values()];
    this.#batches = new Map();
    this.#events = 0;
    this.#bytes = 0;
    for (const record of ['full', 'metadata'] as const) {
      const of = batches.filter(({ session }) => session.row.record === record);
      if (of.length > 0) this.#staging.write(of, record);
    }
  }
}

/** Whether bodies of it are kept was decided where it was recorded. */
function recordOf(missing: Missing | undefined): 'full' | 'metadata' {
  return missing?.bodies === 'none' ? 'metadata' : 'full';
}

/** Retention would take what is old at once: what somebody imports is kept until it is unpinned. */
function correctionOf(missing: Missing | undefined): Correction {
  return {
    pinned: 1,
    ...(missing !== undefined && { record: missing.record, bodies: missing.bodies }),
  };
}

function emptyBatch(session: SessionProjection): SessionBatch {
  return { session, frames: [], operations: [], findings: [], tools: [] };
}
