/** A recorded session as it is compared: its operations with what was asked and answered, parsed. */
import { createHash } from 'node:crypto';
import type { StoredFrame } from '../store/block.ts';
import type { ComparedCall, ComparedSession } from './diff.ts';
import { callsOf } from '../formats/calls.ts';
import { isObject } from '../mcp/canonical.ts';
import type { Source } from '../formats/source.ts';

/** Of all answers that are held to be compared in detail; of what is beyond it, the hash is compared. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;

export function comparedSession(source: Source): ComparedSession {
  let held = 0;
  const calls: ComparedCall[] = [];
  for (const { operation, request, answer } of callsOf(source)) {
    held += answer?.bytes.length ?? 0;
    calls.push({
      operation,
      params: withoutMeta(memberOf(request, operation.requestId, ['params'])),
      answer:
        held > MAX_HELD_BYTES && answer !== undefined
          ? { sha256: createHash('sha256').update(answer.bytes).digest('hex') }
          : memberOf(answer, operation.requestId, ['result', 'error']),
    });
  }
  calls.sort((a, b) => a.operation.operationId - b.operation.operationId);
  return { session: source.session, calls };
}

/** Undefined where the message is not recorded whole. Of a batch, the message with this id. */
function memberOf(frame: StoredFrame | undefined, id: unknown, names: readonly string[]): unknown {
  if (frame === undefined || frame.bytes.length === 0) return undefined;
  let message: unknown;
  try {
    message = JSON.parse(Buffer.from(frame.bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  const one = Array.isArray(message)
    ? (message as unknown[]).find((each) => isObject(each) && each.id === id)
    : message;
  if (!isObject(one)) return undefined;
  const name = names.find((each) => Object.hasOwn(one, each));
  // A request without params asks for nothing more: that is known, too.
  return name === undefined ? {} : one[name];
}

function withoutMeta(params: unknown): unknown {
  if (!isObject(params)) return params;
  return Object.fromEntries(Object.entries(params).filter(([name]) => name !== '_meta'));
}
