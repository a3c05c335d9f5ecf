/**
 * The SQL functions `says` and `said`: whether a frame of a block has a text in its payload. It counts what it reads, so that the caller
 * can stop, and keeps the one block that it read last, since the operations of a session lie side by side.
 */
import type { Database } from 'better-sqlite3';
import { decodeBlock, isOwnKind } from './block.ts';
import { type Stored, unpacked } from './coding.ts';

interface Payload {
  readonly seq: number;
  readonly operationId: number | undefined;
  /** In small letters. */
  readonly text: string;
}

/** What texts are looked for in; the index of texts is made of the same. */
export function payloadsOf(stored: Stored): {
  readonly bytes: number;
  readonly payloads: readonly Payload[];
} {
  const { entries, data } = unpacked(stored);
  const payloads = decodeBlock(0, entries, data)
    .filter(({ kind }) => !isOwnKind(kind))
    .map(({ seq, operationId, bytes }) => ({
      seq,
      operationId,
      text: asSought(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')),
    }));
  return { bytes: data.length, payloads };
}

/** How a text and a payload are compared. */
export function asSought(text: string): string {
  return text.toLowerCase();
}

export class PayloadReader {
  /** Of payloads that were read. */
  scannedBytes = 0;
  #number = -1;
  #payloads: readonly Payload[] = [];

  /**
   * Adds functions to a connection: says(number, coding, entries, data of a block, operation or null, from, to, text), and
   * said(number, operation or null, from, to, text), which is null unless that block was the last that was read: its columns need
   * not be fetched for each operation.
   */
  constructor(db: Database) {
    db.function(
      'says',
      (
        number: number,
        coding: number,
        entries: string,
        data: Buffer,
        operation: number | null,
        from: number | null,
        to: number | null,
        text: string,
      ) => {
        this.#read(number, coding, entries, data);
        return this.#has(operation, from, to, text);
      },
    );
    db.function(
      'said',
      (number: number, operation: number | null, from: number | null, to: number | null, text: string) =>
        number === this.#number ? this.#has(operation, from, to, text) : null,
    );
  }

  #has(operation: number | null, from: number | null, to: number | null, text: string): 0 | 1 {
    const wanted = asSought(text);
    const found = this.#payloads.some(
      (payload) =>
        (operation === null ||
          (payload.operationId === operation && payload.seq >= (from ?? 0) && payload.seq <= (to ?? 0))) &&
        payload.text.includes(wanted),
    );
    return found ? 1 : 0;
  }

  /** A number is given to another block only after a look at the store began anew: see `forget`. */
  #read(number: number, coding: number, entries: string, data: Buffer): void {
    const { bytes, payloads } = payloadsOf({ coding, entries, data });
    this.scannedBytes += bytes;
    this.#number = number;
    this.#payloads = payloads;
  }

  /** What is kept may be old: others write, pack and prune meanwhile. */
  forget(): void {
    this.#number = -1;
    this.#payloads = [];
    this.scannedBytes = 0;
  }
}
