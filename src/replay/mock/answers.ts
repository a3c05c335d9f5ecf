/** Answers that are not from the recording, and say so. Pure. */
import type { Answer } from '../scenario.ts';
import type { Request } from './live.ts';
import { INTERNAL_ERROR } from './miss.ts';
import { statusOf } from './handshake.ts';
import type { Script } from './script.ts';

/** `reason`: why the recording has no answer that could be given; one line. */
export function unable(reason: string): Answer {
  return { error: { code: INTERNAL_ERROR, message: `sidelight mock: ${reason}`, data: { reason } } };
}

export function answerWith(script: Script, { id, channel }: Request, answer: Answer): void {
  const message = { jsonrpc: '2.0', id, ...answer };
  channel.answer(JSON.stringify(message), { status: statusOf(script, message), stream: false, cut: false });
}
