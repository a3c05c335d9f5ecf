/** The checks of tool results by what they came to: large ones, failed ones, and calls that fail again and again. */
import type { ErrorResponse, Result } from '../../mcp/message.ts';
import type { FramePlace } from '../session.ts';
import type { Asked } from './asked.ts';
import { bodyOf, memberOf } from './json.ts';
import type { Raised } from './raised.ts';

/** It takes a large part of a model's context at once, or is cut by the client. */
export const MAX_RESULT_BYTES = 100 * 1024;
/** A second try is reasonable, a third one with nothing changed is not. */
export const MAX_EQUAL_FAILURES = 3;
/** Tools whose latest call has failed. The oldest is forgotten, so that its row begins again. */
const MAX_FAILING = 256;
/** Parts of a result, and characters of each, in which an error is looked for. */
const MAX_TEXTS = 4;
const MAX_TEXT_CHARS = 2000;
/** How SDKs write JSON-RPC errors into results, and the codes of JSON-RPC 2.0, section 5.1. */
const PROTOCOL_ERROR = /\bMCP error -32\d{3}\b|(?<![\w.-])-32(?:700|60[0-3])\b(?!\.\d)/;
/** The user has to open a URL and then the same call is right (2025-11-25). */
const URL_ELICITATION_REQUIRED = -32_042;

interface Row {
  readonly argumentsHash: number;
  readonly failures: number;
  /** Of the latest failure: only who has seen it can be said to try again. */
  readonly seq: number;
}

export class FailureChecks {
  readonly #raised: Raised;
  #failing: Map<string, Row> | undefined;

  constructor(raised: Raised) {
    this.#raised = raised;
  }

  result(asked: Asked, answer: Result, where: FramePlace, operationId: number): void {
    const { tool = '' } = asked;
    if (answer.sizeBytes > MAX_RESULT_BYTES)
      this.#raised.once(
        'oversized_result',
        tool,
        where,
        `${tool}: ${answer.sizeBytes} bytes in one result`,
        operationId,
      );
    if (answer.result.isError !== true) {
      this.#failing?.delete(tool);
      return;
    }
    const code = PROTOCOL_ERROR.exec(textOf(answer))?.[0];
    if (code !== undefined)
      this.#raised.once('hidden_protocol_error', `${tool} ${code}`, where, `${tool}: ${code}`, operationId);
    this.#failed(asked, where, operationId);
  }

  error(asked: Asked, answer: ErrorResponse, where: FramePlace, operationId: number): void {
    if (answer.code !== URL_ELICITATION_REQUIRED) this.#failed(asked, where, operationId);
  }

  #failed({ tool, argumentsHash, where: asked }: Asked, where: FramePlace, operationId: number): void {
    if (tool === undefined) return;
    const row = this.#failing?.get(tool);
    this.#failing?.delete(tool);
    if (argumentsHash === undefined) return;
    this.#failing ??= new Map();
    const goesOn = row?.argumentsHash === argumentsHash;
    const isRepeat = goesOn && asked.seq > row.seq;
    const failures = goesOn ? row.failures + Number(isRepeat) : 1;
    const [oldest] = this.#failing.size >= MAX_FAILING ? this.#failing.keys() : [];
    if (oldest !== undefined) this.#failing.delete(oldest);
    this.#failing.set(tool, { argumentsHash, failures, seq: where.seq });
    if (failures < MAX_EQUAL_FAILURES) return;
    const detail = `${tool}: ${failures} failures in a row with the same arguments`;
    this.#raised.once('repeated_failure', `${tool} ${argumentsHash}`, where, detail, operationId);
  }
}

function textOf(answer: Result): string {
  const result = bodyOf(answer);
  const content = memberOf(result, 'content');
  if (!Array.isArray(content)) return '';
  return (content as unknown[])
    .slice(0, MAX_TEXTS)
    .map((part) => memberOf(part, 'text'))
    .filter((text) => typeof text === 'string')
    .map((text) => text.slice(0, MAX_TEXT_CHARS))
    .join('\n');
}
