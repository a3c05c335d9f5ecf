/**
 * Who seems to speak on an HTTP exchange that names no session, and which session that makes it. What differs in client,
 * credential or address is never one speaker; a connection is no evidence, since one client has many.
 */
import type { Evidence, Inferred } from '../event/event.ts';
import type { Message } from '../mcp/message.ts';

/** What an exchange says of itself before any message. Hashes stand for what is too long and random to be guessed. */
export interface Origin {
  /** The HTTP method. */
  readonly method: string;
  readonly clientAddress: string;
  /** Of the request's `Mcp-Session-Id`. */
  readonly sessionIdHash?: string | undefined;
  /** Of `sessionId` in the query: HTTP+SSE (2024-11-05). */
  readonly legacyIdHash?: string | undefined;
  /** Of `Authorization` or the like. */
  readonly credentialHash?: string | undefined;
  /** Of the request's trace context. */
  readonly traceId?: string | undefined;
}

/** By what a session without an id is known again. */
export interface Speaker {
  /** Client, credential and address; undefined where the client did not say its name. */
  readonly name: string | undefined;
  /** Credential and address. */
  readonly place: string;
}

/** A session as its speaker is looked up. `traceId`: of its latest request. */
export interface Spoken {
  readonly speaker: Speaker;
  traceId: string | undefined;
}

/** Of a client's name or version; a longer one is told apart by its length. */
const MAX_NAME_CHARS = 256;

export function speakerOf(origin: Origin, first: Message | undefined): Speaker {
  const info = first?.kind === 'request' ? first.params.clientInfo : undefined;
  const place = [origin.credentialHash ?? null, origin.clientAddress];
  return {
    name: info && JSON.stringify([...part(info.name), ...part(info.version), ...place]),
    place: JSON.stringify(place),
  };
}

export function inferredFrom({ credentialHash, traceId }: Origin, { name }: Speaker): Inferred {
  const told: Readonly<Record<Evidence, unknown>> = {
    client_info: name,
    credential: credentialHash,
    address: true,
    trace_id: traceId,
  };
  const evidence = (Object.keys(told) as Evidence[]).filter((key) => told[key] !== undefined);
  const strong = Number(name !== undefined) + Number(credentialHash !== undefined);
  return { evidence, confidence: strong === 2 ? 'high' : strong === 1 ? 'medium' : 'low' };
}

/** The sessions that have no id, by their speakers: bounded by whoever keeps the sessions. */
export class Speakers<S extends Spoken> {
  readonly #byName = new Map<string, S>();
  /** Those of `#byName`. */
  readonly #byPlace = new Map<string, Set<S>>();
  /** Those whose client said no name. */
  readonly #nameless = new Map<string, S>();

  /** Of a speaker's sessions the newest is meant from now on. */
  add(session: S): void {
    const { name, place } = session.speaker;
    if (name === undefined) {
      this.#nameless.set(place, session);
      return;
    }
    const former = this.#byName.get(name);
    if (former !== undefined) this.delete(former);
    this.#byName.set(name, session);
    const here = this.#byPlace.get(place);
    if (here === undefined) this.#byPlace.set(place, new Set([session]));
    else here.add(session);
  }

  delete(session: S): void {
    const { name, place } = session.speaker;
    if (name === undefined) {
      if (this.#nameless.get(place) === session) this.#nameless.delete(place);
      return;
    }
    if (this.#byName.get(name) === session) this.#byName.delete(name);
    const here = this.#byPlace.get(place);
    here?.delete(session);
    if (here?.size === 0) this.#byPlace.delete(place);
  }

  /**
   * Who does not say its name is the only one known to speak from there, or the only one of them in the same trace; else
   * it is told apart from all that have said theirs.
   */
  find({ name, place }: Speaker, traceId: string | undefined): S | undefined {
    if (name !== undefined) return this.#byName.get(name);
    const here = [...(this.#byPlace.get(place) ?? [])];
    const candidates =
      here.length > 1 ? here.filter((session) => traceId !== undefined && session.traceId === traceId) : here;
    return candidates.length === 1 ? candidates[0] : this.#nameless.get(place);
  }
}

function part(text: string | undefined): readonly unknown[] {
  return [text?.slice(0, MAX_NAME_CHARS), text?.length];
}
