/**
 * Bytes of one frame to a message: says what it is, tells the facts that observing needs, and parses nothing until it
 * is asked to. It never throws, and decides from nothing but the bytes.
 */
import { AN_ARRAY, AN_OBJECT } from './capture.ts';
import { isToken, paramFacts, resultFacts } from './facts.ts';
import { memberAt, MESSAGE } from './members.ts';
import type { Batch, Malformed, MalformedReason, Message } from './message.ts';
import { MAX_BATCH_MESSAGES, Scanner } from './scan.ts';

const JSONRPC = memberAt('message jsonrpc');
const ID = memberAt('message id');
const METHOD = memberAt('message method');
const RESULT = memberAt('message result');
const ERROR = memberAt('message error');
const ERROR_CODE = memberAt('message error code');
const ERROR_MESSAGE = memberAt('message error message');

const WHITE_SPACE: readonly (number | undefined)[] = [0x20, 0x09, 0x0a, 0x0d];

/**
 * Decodes the text of one frame. Nobody may write to `bytes` while the message lives: `json` reads them again.
 * Names and ids above 1 KiB and other texts above 8 KiB are not kept (members.ts): such a fact is absent, such an id
 * is `bad_id`, such a method `not_json_rpc`. More than MAX_BATCH_MESSAGES in a batch are `batch_above_cap`.
 */
export function decode(bytes: Uint8Array): Message | Batch {
  const scanner = scan(bytes);
  const fault = scanner.end();
  if (fault !== undefined) return malformed(fault, bytes.length);
  if (scanner.fact(MESSAGE) === AN_ARRAY) return batchOf(scanner.separators, bytes);
  return messageOf(scanner, bytes.length, bytes);
}

/** Decodes a message that is too large to be held: the same facts, but `json` gives undefined. */
export class OversizeDecoder {
  readonly #scanner = new Scanner();

  push(bytes: Uint8Array): void {
    this.#scanner.push(bytes);
  }

  /** `sizeBytes`: of everything that was pushed. */
  end(sizeBytes: number): Message {
    const fault = this.#scanner.end();
    if (fault !== undefined) return malformed(fault, sizeBytes);
    if (this.#scanner.fact(MESSAGE) === AN_ARRAY) return malformed('batch_above_cap', sizeBytes);
    return messageOf(this.#scanner, sizeBytes, undefined);
  }
}

function scan(bytes: Uint8Array): Scanner {
  const scanner = new Scanner();
  scanner.push(bytes);
  return scanner;
}

function batchOf(separators: readonly number[], bytes: Uint8Array): Batch | Malformed {
  if (separators.length - 1 > MAX_BATCH_MESSAGES) return malformed('batch_above_cap', bytes.length);
  const messages: Message[] = [];
  for (const [index, end] of separators.entries()) {
    const before = separators[index - 1];
    if (before === undefined) continue;
    const element = trim(bytes, before + 1, end);
    if (element.length === 0) return malformed('empty_batch', bytes.length); // Valid JSON has nothing else there.
    const scanner = scan(element);
    scanner.end();
    messages.push(messageOf(scanner, element.length, element));
  }
  return { kind: 'batch', messages, sizeBytes: bytes.length };
}

function trim(bytes: Uint8Array, from: number, to: number): Uint8Array {
  while (from < to && WHITE_SPACE.includes(bytes[from])) from++;
  while (to > from && WHITE_SPACE.includes(bytes[to - 1])) to--;
  return bytes.subarray(from, to);
}

/** `scanner` has read a valid JSON text. */
function messageOf(scanner: Scanner, sizeBytes: number, bytes: Uint8Array | undefined): Message {
  if (scanner.fact(MESSAGE) !== AN_OBJECT) return malformed('not_an_object', sizeBytes);
  const jsonrpc = scanner.fact(JSONRPC);
  const message = kindOf(scanner, sizeBytes, bytes);
  if (jsonrpc === '2.0' || message.kind === 'malformed') return message;
  return { ...message, jsonrpc: typeof jsonrpc === 'string' ? jsonrpc : null };
}

function kindOf(scanner: Scanner, sizeBytes: number, bytes: Uint8Array | undefined): Message {
  const json = (): unknown => (bytes === undefined ? undefined : parse(bytes));
  const id = scanner.fact(ID);
  const method = scanner.fact(METHOD);
  if (typeof method === 'string') {
    if (id === undefined) {
      return {
        kind: 'notification',
        method,
        params: paramFacts(scanner, 'notification'),
        sizeBytes,
        json,
        bytes,
      };
    }
    if (!isToken(id)) return malformed('bad_id', sizeBytes); // MCP forbids null, which JSON-RPC allows.
    return { kind: 'request', id, method, params: paramFacts(scanner, 'request'), sizeBytes, json, bytes };
  }
  if (scanner.fact(RESULT) !== undefined) {
    if (!isToken(id)) return malformed('bad_id', sizeBytes);
    return { kind: 'result', id, result: resultFacts(scanner), sizeBytes, json, bytes };
  }
  if (scanner.fact(ERROR) !== undefined) {
    if (id !== undefined && id !== null && !isToken(id)) return malformed('bad_id', sizeBytes);
    const code = scanner.fact(ERROR_CODE);
    const message = scanner.fact(ERROR_MESSAGE);
    return {
      kind: 'error',
      id,
      code: Number.isInteger(code) ? (code as number) : undefined,
      message: typeof message === 'string' ? message : undefined,
      sizeBytes,
      json,
      bytes,
    };
  }
  return malformed('not_json_rpc', sizeBytes);
}

function malformed(reason: MalformedReason, sizeBytes: number): Malformed {
  return { kind: 'malformed', reason, sizeBytes };
}

/** The scanner found the text valid, so this throws for lack of memory only. */
function parse(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
