/** Values that a JSON Schema describes, and some that it nearly does: for tests that ask the API as its document says. */
import fc from 'fast-check';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: unknown;
}

/** `words` are strings that mean something to what is asked. `resolve` finds what a reference names. */
export function arbitraryOf(
  schema: Schema,
  words: readonly string[],
  resolve: (reference: string) => Schema,
): fc.Arbitrary<unknown> {
  const of = (inner: Schema): fc.Arbitrary<unknown> => arbitraryOf(inner, words, resolve);
  if (schema.$ref !== undefined) return of(resolve(schema.$ref));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(of));
  const { minimum = -1000, maximum = 1_000_000, minLength = 0, maxLength = 200 } = schema;
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.oneof(
        fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31) }),
        fc.constantFrom(minimum, minimum - 1),
      );
    case 'number':
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case 'string':
      return fc.oneof(
        fc.constantFrom(...words, ...(schema.default === undefined ? [] : [schema.default])),
        fc.string({ minLength, maxLength: Math.min(maxLength, 200), unit: 'binary' }),
      );
    case 'array':
      return fc.array(of(schema.items ?? {}), { maxLength: 4 });
    case 'object': {
      const { properties = {}, required = [], additionalProperties } = schema;
      const named = fc.record(
        Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, of(one)])),
        { requiredKeys: [...required] },
      );
      if (typeof additionalProperties !== 'object') return named;
      return fc.dictionary(fc.constantFrom(...words, 'x'), of(additionalProperties), { maxKeys: 3 });
    }
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}
