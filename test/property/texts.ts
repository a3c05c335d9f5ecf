/** JSON texts as a peer might send them: any member where the scanner looks, twice, escaped, of the wrong type. */
import fc from 'fast-check';

/** The members that are looked at, and where. */
interface Shape {
  readonly [key: string]: Shape | null;
}

const IMPLEMENTATION: Shape = { name: null, version: null };
const MESSAGE: Shape = {
  jsonrpc: null,
  id: null,
  method: null,
  params: {
    name: null,
    uri: null,
    taskId: null,
    requestId: null,
    reason: null,
    progressToken: null,
    progress: null,
    total: null,
    level: null,
    logger: null,
    protocolVersion: null,
    requestState: null,
    inputResponses: null,
    clientInfo: IMPLEMENTATION,
    _meta: {
      progressToken: null,
      traceparent: null,
      tracestate: null,
      'io.modelcontextprotocol/protocolVersion': null,
      'io.modelcontextprotocol/subscriptionId': null,
      'io.modelcontextprotocol/clientInfo': IMPLEMENTATION,
    },
  },
  result: {
    isError: null,
    resultType: null,
    requestState: null,
    protocolVersion: null,
    serverInfo: IMPLEMENTATION,
    _meta: { 'io.modelcontextprotocol/serverInfo': IMPLEMENTATION },
  },
  error: { code: null, message: null },
};

const space = fc.constantFrom('', '', '', '', ' ', '\t', '\r\n  ');
const escape = (text: string): string =>
  text.replace(/[^]/g, (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'));
/** Some characters written as escapes, which JSON.stringify would not do. */
const literal = (text: string, escaped: number): string =>
  escaped === 0
    ? JSON.stringify(text)
    : `"${text
        .split('')
        .map((unit, index) =>
          (index + escaped) % 3 === 0 ? escape(unit) : JSON.stringify(unit).slice(1, -1),
        )
        .join('')}"`;
const escaped = fc.constantFrom(0, 0, 0, 1, 2);
const words = fc.constantFrom(
  '2.0',
  'tools/call',
  'notifications/progress',
  '',
  'a "quoted" \\ word\n',
  'naïve',
  '日本語',
  '😀',
  '\ufeffmark',
  '\ud800 alone',
  '\u2028',
  'x'.repeat(60),
);
const stringText = fc
  .tuple(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 8 })), escaped)
  .map(([text, how]) => literal(text, how));
const numberText = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '1e999',
    '-1E-2',
    '0.10',
    '12345678901234567890',
    '9007199254740993',
    '1.5e+3',
    '7',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
);
const scalarText = fc.oneof(
  { weight: 4, arbitrary: stringText },
  { weight: 3, arbitrary: numberText },
  { weight: 1, arbitrary: fc.constantFrom('true', 'false', 'null') },
);
const otherKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'x',
  '',
  'arguments',
  'na\\me',
  'name ',
  'toString',
);
const anyText = fc.oneof(
  { weight: 6, arbitrary: scalarText },
  { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom('{}', '[ ]', '[[[]],{"id":[{}]}]', '{"method":"no","id":{}}') },
);

function objectText(shape: Shape): fc.Arbitrary<string> {
  const members = Object.entries(shape).map(([key, inner]) => {
    const usual = inner === null ? scalarText : objectText(inner);
    const value = fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: anyText });
    return fc.tuple(fc.constant(key), value);
  });
  const member = fc.oneof(
    { weight: 6, arbitrary: fc.oneof(...members) },
    { weight: 1, arbitrary: fc.tuple(otherKey, anyText) },
  );
  const written = fc
    .tuple(member, escaped, space, space)
    .map(
      ([[key, value], how, before, after]) =>
        `${before}${literal(key, how)}${after}:${before}${value}${after}`,
    );
  return fc.array(written, { maxLength: 6 }).map((members) => `{${members.join(',')}}`);
}

const messageText = objectText(MESSAGE);
const batchText = fc
  .tuple(fc.array(fc.oneof(messageText, messageText, anyText), { maxLength: 4 }), space)
  .map(([messages, gap]) => `${gap}[${messages.map((text) => gap + text + gap).join(',')}${gap}]${gap}`);

/** A valid JSON text. */
export const jsonText = fc.oneof(
  { weight: 6, arbitrary: messageText },
  { weight: 2, arbitrary: batchText },
  { weight: 1, arbitrary: anyText },
  { weight: 1, arbitrary: fc.json({ noUnicodeString: false }) },
);

const PIECES = ['"id"', '"method":"a"', 'null', ...'{}[]",:\\ 0123456789.eE+-truefalsn\n\t'.split('')];

/** Not JSON as a rule, but made of the same bytes. */
export const junk = fc.oneof(
  fc
    .array(fc.constantFrom(...PIECES), {
      maxLength: 20,
    })
    .map((pieces) => Buffer.from(pieces.join(''))),
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from([0x22, ...bytes, 0x22])),
);

export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: readonly number[];
}

/** Bytes that mean something to JSON, and lead and continuation bytes of UTF-8. */
const BYTES = Buffer.from('{}[]",:\\ 0-9.eEtn\n\0/u\x80\xc3\xe2\xed\xf4\xff', 'latin1');

/** A small harm: bytes deleted, inserted or replaced. */
export const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat({ max: 2 ** 16 }),
  remove: fc.nat({ max: 2 }),
  insert: fc.array(fc.constantFrom(...BYTES), { maxLength: 2 }),
});

export function edited(bytes: Uint8Array, { at, remove, insert }: Edit): Uint8Array {
  const from = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, from), Uint8Array.from(insert), bytes.subarray(from + remove)]);
}
