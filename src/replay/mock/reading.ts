/**
 * Reads the frames of a recorded session. What the server did is put after what the client had said by then; what is known to
 * belong to one request stays with it. It calls nothing, and holds at most MAX_HELD_BYTES of bodies.
 */
import { isObject } from '../../mcp/canonical.ts';
import type { StoredFrame } from '../../store/block.ts';
import type { OperationRecord } from '../../store/record.ts';
import type { Json } from '../scenario.ts';
import { type Building, Cues, fail, idKey, isStream, metaOf } from './cues.ts';
import { hasPlaceholder } from './placeholders.ts';
import { type Fill, type Happening, keyOf, type Script, SUBSCRIPTION_ID, targetOf } from './script.ts';

/** Of all that is played; what is beyond it is answered with an error that says so. */
const MAX_HELD_BYTES = 512 * 1024 * 1024;
const CANCELLED = 'notifications/cancelled';
const NO_MESSAGES: ReadonlySet<StoredFrame['kind']> = new Set([
  'gap',
  'blank',
  'unterminated',
  'body',
  'malformed',
]);

export class Reading {
  readonly #cues = new Cues();
  readonly #operations = new Map<number, OperationRecord>();
  readonly #asks = new Map<string, { readonly ask: number; readonly cue: Building | undefined }>();
  readonly #seenEvents = new Set<string>();
  #askCount = 0;
  #held = 0;
  #lost = 0;
  #exit: Extract<Happening, { is: 'exit' }> | undefined;

  constructor(operations: Iterable<OperationRecord>) {
    for (const operation of operations) this.#operations.set(operation.operationId, operation);
  }

  frame(frame: StoredFrame): void {
    const { kind, channel, atUs, bytes, exchange } = frame;
    const ofServer = channel === 'server_to_client';
    if (kind === 'lifecycle' || kind === 'http') this.#fact(frame, parsed(bytes));
    else if (channel === 'stderr') this.#byItself({ atUs, is: 'stderr', text: textOf(bytes) });
    else if (kind === 'body' && ofServer) {
      const response = this.#cues.responses.get(exchange ?? -1);
      if (response !== undefined) response.body += textOf(bytes);
    } else if (kind === 'malformed' && exchange === undefined && ofServer) {
      if (!frame.truncated) this.#byItself({ atUs, is: 'stray', text: textOf(bytes) });
    } else if (!NO_MESSAGES.has(kind)) this.#message(frame);
  }

  /** `endedByItself`: the server, and not because it was told to. */
  end(endedByItself: boolean): Pick<Script, 'opening' | 'cues' | 'lostMessages'> {
    const { open, responses, all, opening } = this.#cues;
    for (const cue of open) {
      const response = responses.get(cue.exchange ?? -1);
      if (response !== undefined && response.status >= 300)
        cue.happenings.push({ atUs: cue.atUs, is: 'http', ...response });
    }
    const exit = endedByItself ? this.#exit : undefined;
    if (exit !== undefined) {
      const waiting = [...open].filter(({ method }) => !isStream(method));
      this.#into(waiting.at(-1) ?? this.#cues.latest, exit);
      const how = exit.signal === null ? `with exit code ${exit.code ?? 'unknown'}` : `by ${exit.signal}`;
      const reason = `the recorded server ended ${how} before it answered`;
      for (const cue of waiting) fail(cue, reason, exit.atUs, true);
    }
    return { opening, cues: all, lostMessages: this.#lost };
  }

  #message(frame: StoredFrame): void {
    // What a resumed stream brings once more.
    if (frame.eventId !== undefined) {
      if (this.#seenEvents.has(frame.eventId)) return;
      this.#seenEvents.add(frame.eventId);
    }
    this.#held += frame.bytes.length;
    const missing =
      frame.bytes.length === 0
        ? 'was not recorded'
        : frame.truncated
          ? 'was cut'
          : this.#held > MAX_HELD_BYTES
            ? 'is beyond what is held in memory'
            : undefined;
    if (missing !== undefined) {
      this.#unreadable(frame, missing);
      return;
    }
    const value = parsed(frame.bytes);
    for (const message of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (!isObject(message)) continue;
      const { method } = message;
      const isClient = frame.channel === 'client_to_server';
      if (typeof method === 'string') {
        if (method === 'ping') continue;
        if (isClient) this.#said(frame, message, method);
        else if ('id' in message) this.#asked(frame, message);
        else this.#told(frame, message, method);
      } else if (isClient) this.#heard(frame, message);
      else this.#answered(frame, message);
    }
  }

  /** A request or notification of the client. */
  #said(frame: StoredFrame, message: Json, method: string): void {
    const { params } = message;
    const marked = frame.redactions > 0 || frame.elided > 0;
    const cancelled =
      method === CANCELLED && isObject(params) ? this.#cues.ofId(params.requestId) : undefined;
    if (cancelled !== undefined && this.#cues.open.has(cancelled))
      cancelled.happenings.push({ atUs: frame.atUs, is: 'cancelled' });
    const cue = this.#cues.add(frame, {
      is: 'id' in message ? 'request' : 'notification',
      method,
      target: targetOf(method, params) ?? this.#operations.get(frame.operationId ?? -1)?.target?.name,
      params,
      key: keyOf(method, params),
      hasPlaceholder: marked && hasPlaceholder(JSON.stringify(params ?? {})),
      problem: undefined,
      id: idKey(message.id),
    });
    if (cue === undefined) this.#lost += 1;
  }

  #asked(frame: StoredFrame, message: Json): void {
    const parent = this.#operations.get(frame.operationId ?? -1)?.parentOperationId;
    const ask = (this.#askCount += 1);
    const cue = this.#cues.openOf(frame.exchange, parent) ?? this.#cues.latest;
    this.#asks.set(idKey(message.id), { ask, cue });
    this.#into(cue, { atUs: frame.atUs, is: 'ask', message, ask });
  }

  #heard({ atUs }: StoredFrame, answer: Json): void {
    const id = idKey(answer.id);
    const asked = this.#asks.get(id);
    if (asked === undefined) return;
    this.#asks.delete(id);
    this.#into(asked.cue, { atUs, is: 'heard', ask: asked.ask, answer });
    this.#cues.latest = asked.cue ?? this.#cues.latest;
  }

  #told(frame: StoredFrame, message: Json, method: string): void {
    const fill = this.#fillOf(method, isObject(message.params) ? message.params : {});
    const own = this.#cues.openOf(frame.exchange, frame.operationId);
    // What a stream brings later comes after what the client had said by then.
    const isOfStream = own !== undefined && isStream(own.method) && !method.endsWith('/acknowledged');
    const cue = isOfStream ? this.#cues.latest : (own ?? this.#cues.latest);
    this.#into(cue, { atUs: frame.atUs, is: 'message', message, fill });
  }

  #fillOf(method: string, params: Json): Fill | undefined {
    if (method === 'notifications/progress') {
      const cue = this.#cues.ofToken(params.progressToken);
      return cue && { is: 'progress_token', cue: cue.index };
    }
    const id = method === CANCELLED ? params.requestId : metaOf(params)[SUBSCRIPTION_ID];
    if (id === undefined) return undefined;
    const asked = method === CANCELLED ? this.#asks.get(idKey(id)) : undefined;
    if (asked !== undefined) return { is: 'cancelled_ask', ask: asked.ask };
    const cue = this.#cues.ofId(id);
    return cue && { is: method === CANCELLED ? 'cancelled_cue' : 'subscription', cue: cue.index };
  }

  #answered(frame: StoredFrame, message: Json): void {
    const cue = this.#cues.waitingFor(message.id, frame.exchange);
    if (cue === undefined) return;
    this.#cues.close(cue, frame);
    cue.redactedAnswer = frame.redactions > 0;
    if (frame.elided > 0) fail(cue, 'its answer holds media that were not recorded', frame.atUs);
    else {
      const into = isStream(cue.method) ? this.#cues.latest : cue;
      this.#into(into, { atUs: frame.atUs, is: 'answer', message, of: cue.index });
    }
  }

  /** Of a message only the envelope is known. */
  #unreadable(frame: StoredFrame, why: string): void {
    const { kind, channel, method } = frame;
    if (method === 'ping') return;
    const operation = this.#operations.get(frame.operationId ?? -1);
    if (channel === 'client_to_server') {
      if (method === undefined || (kind !== 'request' && kind !== 'notification')) return;
      const isRequest = kind === 'request';
      const cue = this.#cues.add(frame, {
        ...{ is: kind, method, target: operation?.target?.name, params: undefined, hasPlaceholder: false },
        key: isRequest ? undefined : method,
        problem: isRequest ? `its request ${why}` : undefined,
        id: idKey(operation?.requestId),
      });
      if (cue === undefined) this.#lost += 1;
      return;
    }
    const isAnswer = kind === 'result' || kind === 'error';
    const cue = isAnswer ? this.#cues.openOf(frame.exchange, frame.operationId) : undefined;
    if (cue === undefined) {
      this.#lost += 1;
      return;
    }
    this.#cues.close(cue, frame);
    fail(cue, `its answer ${why}`, frame.atUs);
  }

  #fact({ atUs, exchange = -1 }: StoredFrame, fact: unknown): void {
    if (!isObject(fact)) return;
    if (fact.fact === 'server_exited') {
      const { code, signal } = fact;
      this.#exit = {
        ...{ atUs, is: 'exit', code: typeof code === 'number' ? code : null },
        signal: typeof signal === 'string' ? signal : null,
      };
    } else if (fact.fact === 'response') {
      const headers = Array.isArray(fact.headers) ? (fact.headers as [unknown, unknown][]) : [];
      const type = headers.find(([name]) => String(name).toLowerCase() === 'content-type')?.[1];
      this.#cues.responses.set(exchange, {
        status: Number(fact.status),
        type: typeof type === 'string' ? type : '',
        body: '',
      });
    } else if (fact.fact === 'response_ended') {
      const cue = this.#cues.openOf(exchange, undefined);
      if (cue === undefined) return;
      if (fact.end === 'client_gone') cue.happenings.push({ atUs, is: 'cancelled' });
      if (fact.end !== 'server_gone') return;
      cue.happenings.push({ atUs, is: 'broken' });
      cue.problem ??= 'the connection to the recorded server broke before it answered';
    }
  }

  #byItself(happening: Happening): void {
    this.#into(this.#cues.latest, happening);
  }

  #into(cue: Building | undefined, happening: Happening): void {
    (cue?.happenings ?? this.#cues.opening).push(happening);
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch {
    return undefined;
  }
}
