/** Writes a filter as text that parses to the same filter. */
import type { Filter, Pattern } from './ast.ts';
import { printQuantity, printWhen } from './quantity.ts';

/** What needs no quotes in a value. */
const BARE = /^[^\s"(),*]+$/;

export function printFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
      return filter.of.map((one) => (one.kind === 'or' ? grouped(one) : printFilter(one))).join(' ');
    case 'or':
      return filter.of.map(printFilter).join(' OR ');
    case 'not':
      return `-${filter.of.kind === 'and' || filter.of.kind === 'or' || filter.of.kind === 'not' ? grouped(filter.of) : printFilter(filter.of)}`;
    case 'match':
      return `${filter.key}:${filter.any.map(printPattern).join(',')}`;
    case 'compare':
      return `${filter.key}:${filter.is}${printQuantity(filter.key, filter.than)}`;
    case 'time':
      return `${filter.key}:${printWhen(filter.when)}`;
    case 'text':
      return quoted(filter.text);
  }
}

function grouped(filter: Filter): string {
  return `(${printFilter(filter)})`;
}

function printPattern(pattern: Pattern): string {
  const [only = ''] = pattern;
  if (pattern.length === 1 && only === '') return '""';
  return pattern.map((part) => (part === '' || BARE.test(part) ? part : quoted(part))).join('*');
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
