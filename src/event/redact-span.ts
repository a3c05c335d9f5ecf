/** Where secrets stand in a text, and the text without them. It never looks for any. */

/** A part of a text that is to be replaced. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** What it is: `key`, `github_token`, a name from the configuration. */
  readonly kind: string;
  /** Of a JSON value that is no string: the quotes that its placeholder needs, as they are escaped there. */
  readonly quote?: string;
}

const PLACEHOLDER = /^\[redacted:[a-z][a-z0-9_]*:[0-9a-f]+\]$/;

export function isPlaceholder(text: string): boolean {
  return text.startsWith('[redacted:') && PLACEHOLDER.test(text);
}

/** Without those that begin or end within a placeholder: what is redacted stays as it is. */
export function outsidePlaceholders(text: string, spans: readonly Span[]): readonly Span[] {
  if (!text.includes('[redacted:')) return spans;
  const done = [...text.matchAll(/\[redacted:[a-z][a-z0-9_]*:[0-9a-f]+\]/g)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
  }));
  const isWithin = (at: number): boolean => done.some((one) => one.from < at && at < one.to);
  return spans.filter(
    ({ from, to }) =>
      !isWithin(from) && !isWithin(to) && !done.some((one) => one.from === from && one.to === to),
  );
}

/** In order, none over another: what overlaps becomes one, named by the rule that knew best what it is. */
export function disjoint(spans: readonly Span[]): readonly Span[] {
  const sorted = [...spans].sort((a, b) => a.from - b.from || b.to - a.to);
  const merged: Span[] = [];
  for (const span of sorted) {
    const last = merged.at(-1);
    if (last === undefined || span.from >= last.to) merged.push(span);
    else if (span.to > last.to) merged[merged.length - 1] = { ...last, to: span.to };
    // A value that is known by itself says more than the key it stands under.
    else if (span.from === last.from && span.to === last.to && last.kind === 'key')
      merged[merged.length - 1] = { ...last, kind: span.kind };
  }
  return merged;
}

/** The text with each span replaced by what `placeholder` makes of its kind and text. The spans are disjoint. */
export function replaced(
  text: string,
  spans: readonly Span[],
  placeholder: (kind: string, secret: string) => string,
): string {
  let out = '';
  let done = 0;
  for (const { from, to, kind, quote = '' } of spans) {
    out += text.slice(done, from) + quote + placeholder(kind, text.slice(from, to)) + quote;
    done = to;
  }
  return out + text.slice(done);
}
