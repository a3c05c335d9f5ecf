/** How values are checked by JSON Schemas: what does it is handed in, for it is no part of the pure layers. */

/** Says what is wrong with a value, on one line; undefined where nothing is, or it cannot tell. It holds no value of it. */
export type Validator = (value: unknown) => string | undefined;

/** Undefined for a schema that cannot or must not be compiled. */
export type ValidatorOf = (schema: unknown) => Validator | undefined;
