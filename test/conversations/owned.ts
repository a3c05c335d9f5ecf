/**
 * An exchange of a played conversation with what its owner finds in it, as the pipeline does with real ones: headers that
 * disagree with the body, and sessions that are over. It tracks nothing itself.
 */
import type { EndCause } from '../../src/event/event.ts';
import { headerMismatches, paramMismatches } from '../../src/mcp/headers.ts';
import type { Message } from '../../src/mcp/message.ts';
import type { ExchangeFacts } from '../../src/track/exchanges.ts';
import { at } from '../../src/track/identity.ts';
import type { ExchangeEnding } from '../../src/track/unanswered.ts';
import type { Direction } from '../../src/wire/chunk.ts';
import type { RawHeaders } from '../../src/wire/exchange.ts';
import type { Conversation, Exchange, Said } from '../track/conversation.ts';

export class OwnedExchange {
  readonly #talk: Conversation;
  readonly #facts: Partial<ExchangeFacts>;
  readonly #headers: RawHeaders | undefined;
  readonly #exchange: Exchange;

  /** Without `headers` they are as they should be. */
  constructor(talk: Conversation, facts: Partial<ExchangeFacts>, headers: RawHeaders | undefined) {
    this.#talk = talk;
    this.#facts = facts;
    this.#headers = headers;
    this.#exchange = talk.exchange(facts);
  }

  says(channel: Direction, text: string, eventId: string | undefined): void {
    const before = this.#talk.said.length;
    const { id: exchange } = this.#exchange;
    this.#talk.say(channel, text, { exchange, ...(eventId !== undefined && { eventId }) });
    for (const said of this.#talk.said.slice(before)) this.#look(said);
  }

  /** Why the session ends by the response, if it does. */
  responds(status: number): EndCause | undefined {
    this.#exchange.responds(status);
    if (this.#facts.hasSessionId !== true) return undefined;
    if (status === 404) {
      this.#talk.raises('session_expired', 'server_to_client', 'status 404');
      return 'expired';
    }
    return this.#facts.method === 'DELETE' && status >= 200 && status < 300 ? 'deleted' : undefined;
  }

  resumes(): void {
    this.#talk.tracker.resumable(this.#exchange.id);
  }

  ends(ending: Partial<ExchangeEnding>): void {
    this.#exchange.ends(ending);
  }

  #look({ channel, message, tracked }: Said): void {
    if (channel === 'server_to_client') return;
    for (const { header, expected, got } of this.#mismatches(message)) {
      const detail = `${header}: ${got ?? 'missing'}, the body says ${expected ?? 'nothing'}`;
      this.#talk.raises('header_mismatch', channel, detail, tracked.operationId);
    }
  }

  #mismatches(message: Message) {
    const headers = this.#headers;
    if (headers === undefined || (message.kind !== 'request' && message.kind !== 'notification')) return [];
    const { method, params } = message;
    const isCall = method === 'tools/call' && params.modern === true && params.name !== undefined;
    const declared = isCall ? this.#talk.tracker.paramHeaders(params.name) : [];
    const args = declared.length > 0 ? at(message, 'params', 'arguments') : undefined;
    return [...headerMismatches(headers, message), ...paramMismatches(headers, declared, args)];
  }
}
