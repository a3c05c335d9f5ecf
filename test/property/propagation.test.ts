import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode } from '../../src/mcp/decode.ts';
import { type Edit, tracedRequests, withTraceparents } from '../../src/mcp/metaTraceparent.ts';
import { edit as harm, edited as harmed, jsonText, junk } from './texts.ts';

const RUNS = 10_000;

const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;

/** The value of a request that was given the context, the slow way. */
function traced(request: unknown): unknown {
  if (!isObject(request)) return request;
  const params = (own(request, 'params') ?? {}) as Json;
  const meta = (own(params, '_meta') ?? {}) as Json;
  return { ...request, params: { ...params, _meta: { ...meta, traceparent: TRACEPARENT } } };
}

const isTraced = (value: unknown): boolean =>
  own(own(own(value, 'params'), '_meta'), 'traceparent') === TRACEPARENT;
const messagesOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const parse = (bytes: Uint8Array): unknown =>
  JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));

/** Without the parts that the edits put in, the texts are the same bytes. */
function isSameElsewhere(before: Uint8Array, after: Uint8Array, edits: readonly Edit[]): boolean {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const place of edits.flatMap(({ request }) => request.places)) {
    parts.push(before.subarray(from, place.from), Buffer.from(place.before + TRACEPARENT + place.after));
    from = place.to;
  }
  return Buffer.concat([...parts, before.subarray(from)]).equals(after);
}

/** Any text, and more of those that are requests: of members that are there twice, the later ones may undo that. */
const text = fc
  .tuple(jsonText, fc.boolean())
  .map(([any, asRequest]) =>
    asRequest && /^\{\s*"/.test(any) ? any.replace('{', '{"id":1,"method":"m",') : any,
  );

it('the result is the same value but for the traceparent of each request, and the same bytes around it', () => {
  let found = 0;
  fc.assert(
    fc.property(text, (json) => {
      const before = new TextEncoder().encode(json);
      const edits = tracedRequests(before).map((request) => ({ request, traceparent: TRACEPARENT }));
      found += edits.length;
      const after = withTraceparents(before, edits);
      expect(isSameElsewhere(before, after, edits)).toBe(true);

      const was = messagesOf(parse(before));
      const is = messagesOf(parse(after));
      const changed = is.map(isTraced);
      expect(is).toEqual(was.map((message, index) => (changed[index] === true ? traced(message) : message)));
      expect(changed.filter(Boolean)).toHaveLength(edits.length);

      // They are requests to whoever decodes them, too, and say the same to both.
      const decoded = decode(before);
      const messages = decoded.kind === 'batch' ? decoded.messages : [decoded];
      expect(edits.map(({ request: { id, method, traceparent } }) => ({ id, method, traceparent }))).toEqual(
        messages
          .filter((_, index) => changed[index] === true)
          .map((message) =>
            message.kind === 'request'
              ? { id: message.id, method: message.method, traceparent: message.params.traceparent }
              : message.kind,
          ),
      );
    }),
    { numRuns: RUNS },
  );
  expect(found).toBeGreaterThan(RUNS / 5);
});

it('finds nothing in what is not JSON', () => {
  const broken = fc.tuple(text, harm).map(([json, how]) => harmed(new TextEncoder().encode(json), how));
  fc.assert(
    fc.property(fc.oneof(broken, junk), (bytes) => {
      if (decode(bytes).kind === 'malformed') expect(tracedRequests(bytes)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
