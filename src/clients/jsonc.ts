/** JSON with comments and trailing commas, as editors write it, into values with their places. It changes nothing. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { type Member, type Parsed, positionOf, type Value } from './tree.ts';

/** Deeper than any config; jsonc-parser and our own walks recurse. */
const MAX_DEPTH = 200;
const BOM = '\ufeff';

export function parseJsonc(text: string): Parsed {
  if (depthOf(text) > MAX_DEPTH) return { problem: `nested more than ${MAX_DEPTH} deep` };
  const errors: ParseError[] = [];
  // A blank in the mark's place keeps all offsets.
  const root = parseTree(text.startsWith(BOM) ? ` ${text.slice(1)}` : text, errors, {
    allowTrailingComma: true,
    allowEmptyContent: true,
  });
  const [error] = errors;
  if (error !== undefined) {
    const what = printParseErrorCode(error.error)
      .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
      .toLowerCase();
    return { problem: `not valid JSON at ${positionOf(text, error.offset)}: ${what}` };
  }
  // Blanks and comments are as empty as nothing.
  if (root === undefined)
    return { root: { kind: 'table', start: text.length, end: text.length, members: [] } };
  const value = valueOf(root, text);
  return value.kind === 'table' ? { root: value } : { problem: 'not a JSON object' };
}

/** At least as deep as it is: brackets in comments count, too. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\\r\n]|\\.)*"|[[{\]}]/g)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, (depth += 1));
    else if (token === '}' || token === ']') depth -= 1;
  }
  return deepest;
}

function valueOf(node: Node, text: string): Value {
  const span = { start: node.offset, end: node.offset + node.length };
  const { children = [] } = node;
  switch (node.type) {
    case 'string':
      return { kind: 'text', ...span, text: String(node.value), quote: 1 };
    case 'array':
      return { kind: 'list', ...span, items: children.map((child) => valueOf(child, text)) };
    case 'object':
      return { kind: 'table', ...span, members: children.flatMap((child) => memberOf(child, text)) };
    default:
      return { kind: 'other', ...span };
  }
}

function memberOf({ children = [] }: Node, text: string): readonly Member[] {
  const [key, value] = children;
  if (key === undefined || value === undefined) return [];
  const written = { start: key.offset, end: key.offset + key.length };
  // A long run of blanks is no manner of writing.
  const [blank = ''] =
    /[ \t]*(?:\r?\n[ \t]*)?$/.exec(text.slice(Math.max(0, key.offset - 200), key.offset)) ?? [];
  const [colon = ': '] = /^\s*:[ \t]*(?=["'[{])/.exec(text.slice(written.end, value.offset + 1)) ?? [];
  return [
    {
      key: String(key.value),
      written,
      value: valueOf(value, text),
      sibling: [`,${blank}"`, `"${colon}`],
    },
  ];
}
