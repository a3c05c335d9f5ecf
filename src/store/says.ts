/**
 * The SQL function `says`: whether a frame of a block has a text in its payload. It counts what it reads, so that the caller
 * can stop, and keeps the one block that it read last, since the operations of a session lie side by side.
 */
import type { Database } from 'better-sqlite3';
import { decodeBlock, isOwnKind } from './block.ts';
import { unpacked } from './coding.ts';

interface Payload {
  readonly seq: number;
  readonly operationId: number | undefined;
  /** In small letters. */
  readonly text: string;
}

export class PayloadReader {
  /** Of payloads that were read. */
  scannedBytes = 0;
  #number = -1;
  #payloads: readonly Payload[] = [];

  /** Adds the function to a connection: says(number, coding, entries, data of a block, operation or null, from, to, text). */
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
        const wanted = text.toLowerCase();
        const found = this.#read(number, coding, entries, data).some(
          (payload) =>
            (operation === null ||
              (payload.operationId === operation &&
                payload.seq >= (from ?? 0) &&
                payload.seq <= (to ?? 0))) &&
            payload.text.includes(wanted),
        );
        return found ? 1 : 0;
      },
    );
  }

  /** A number is given to another block only after a look at the store began anew: see `forget`. */
  #read(number: number, coding: number, entries: string, data: Buffer): readonly Payload[] {
    if (number === this.#number) return this.#payloads;
    const block = unpacked({ coding, entries, data });
    this.scannedBytes += block.data.length;
    this.#number = number;
    this.#payloads = decodeBlock(0, block.entries, block.data)
      .filter(({ kind }) => !isOwnKind(kind))
      .map(({ seq, operationId, bytes }) => ({
        seq,
        operationId,
        text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').toLowerCase(),
      }));
    return this.#payloads;
  }

  /** What is kept may be old: others write, pack and prune meanwhile. */
  forget(): void {
    this.#number = -1;
    this.#payloads = [];
    this.scannedBytes = 0;
  }
}
