/** Which of the two exposition formats a scraper wants, from its Accept header (RFC 9110, section 12.5.1). */

export type Format = 'text' | 'openmetrics';

const OFFERS = {
  text: { type: 'text/plain', family: 'text/*', version: '0.0.4' },
  openmetrics: { type: 'application/openmetrics-text', family: 'application/*', version: '1.0.0' },
} as const;

interface Match {
  /** How exactly the range names the offer: 0 not at all, 1 any type, 2 any subtype, 3 the type, 4 with the version. */
  readonly exactness: number;
  readonly q: number;
}

/** OpenMetrics for who names it and likes text no better, or likes text less: a browser and curl get text. */
export function formatFor(accept: string | undefined): Format {
  const ranges = (accept ?? '*/*').toLowerCase().split(',');
  const text = best('text', ranges);
  const openMetrics = best('openmetrics', ranges);
  const wins = openMetrics.exactness >= 3 ? openMetrics.q >= text.q : openMetrics.q > text.q;
  return wins && openMetrics.q > 0 ? 'openmetrics' : 'text';
}

/** The most exact range decides, whatever its weight. */
function best(format: Format, ranges: readonly string[]): Match {
  return ranges
    .map((range) => match(format, range))
    .reduce((most, next) => (next.exactness > most.exactness ? next : most), { exactness: 0, q: 0 });
}

function match(format: Format, range: string): Match {
  const offer = OFFERS[format];
  const [type = '', ...rest] = range.split(';').map((part) => part.trim());
  const parameter = (name: string): string | undefined =>
    rest
      .find((part) => part.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', '');
  const version = parameter('version');
  const q = Number(parameter('q') ?? 1);
  const weight = q >= 0 && q <= 1 ? q : 0;
  if (type === '*/*') return { exactness: 1, q: weight };
  if (type === offer.family) return { exactness: 2, q: weight };
  if (type !== offer.type || (version !== undefined && version !== offer.version))
    return { exactness: 0, q: 0 };
  return { exactness: version === undefined ? 3 : 4, q: weight };
}
