/**
 * Paths into JSON values, and patterns that stand for many: the part of JSONPath (RFC 9535) that names places and asks nothing
 * of their values: `$.a.b`, `$['a']`, `[0]`, `[*]`, `.*`, and `..name` for a member anywhere below. Pure.
 */

/** Member names and array positions from the root. */
export type Path = readonly (string | number)[];

type Segment =
  | { readonly is: 'child'; readonly of: string | number; readonly wild: boolean }
  | { readonly is: 'anywhere'; readonly of: string; readonly wild: boolean };

export interface Pattern {
  /** As it was written. */
  readonly text: string;
  readonly segments: readonly Segment[];
}

const PLAIN_NAME = /^[A-Za-z_\u0080-\uffff$][\w\u0080-\uffff$-]*$/;
/** One segment: `..name`, `..*`, `.name`, `.*`, `[n]`, `[*]`, `['name']` or `["name"]`. */
const SEGMENT =
  /(\.\.?)(\*|[A-Za-z_\u0080-\uffff$][\w\u0080-\uffff$-]*)|\[(?:(\d{1,9})|(\*)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;

export function pathText(path: Path): string {
  const parts = path.map((part) =>
    typeof part === 'number' ? `[${part}]` : PLAIN_NAME.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`,
  );
  return `$${parts.join('')}`;
}

/** A bare word is a member anywhere. Undefined: it is no pattern. */
export function parsePattern(text: string): Pattern | undefined {
  const source = text.startsWith('$') ? text.slice(1) : `..${text}`;
  const segments: Segment[] = [];
  SEGMENT.lastIndex = 0;
  for (let at = 0; at < source.length; at = SEGMENT.lastIndex) {
    SEGMENT.lastIndex = at;
    const found = SEGMENT.exec(source);
    if (found === null) return undefined;
    const [, dots, name, position, star, single, double] = found;
    if (dots === '..' && name !== undefined) segments.push({ is: 'anywhere', of: name, wild: name === '*' });
    else if (name !== undefined) segments.push({ is: 'child', of: name, wild: name === '*' });
    else if (position !== undefined) segments.push({ is: 'child', of: Number(position), wild: false });
    else if (star !== undefined) segments.push({ is: 'child', of: '*', wild: true });
    else segments.push({ is: 'child', of: (single ?? double ?? '').replace(/\\(.)/g, '$1'), wild: false });
  }
  return { text, segments };
}

/** Whether a pattern stands for this very place. */
export function matches({ segments }: Pattern, path: Path): boolean {
  return matchesFrom(segments, 0, path, 0);
}

function matchesFrom(segments: readonly Segment[], segment: number, path: Path, part: number): boolean {
  const one = segments[segment];
  if (one === undefined) return part === path.length;
  if (one.is === 'child') {
    return (
      part < path.length &&
      (one.wild || one.of === path[part]) &&
      matchesFrom(segments, segment + 1, path, part + 1)
    );
  }
  for (let at = part; at < path.length; at += 1) {
    if ((one.wild || one.of === path[at]) && matchesFrom(segments, segment + 1, path, at + 1)) return true;
  }
  return false;
}
