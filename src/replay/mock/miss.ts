/** What a client and a person are told where live and recorded messages differ: short, by path. Pure. */
import type { Difference } from '../compare.ts';
import { pathText } from '../paths.ts';
import type { Json } from '../scenario.ts';
import type { Miss } from './match.ts';
import { cueName } from './script.ts';

export const INTERNAL_ERROR = -32603;
/** So many differences, and of each value so many characters. */
const MAX_TOLD = 10;
const MAX_TOLD_CHARS = 80;

/** One line: `$.arguments.a 1 -> 2, ...`; recorded first. */
export function told(differences: readonly Difference[]): string {
  const lines = differences.slice(0, MAX_TOLD).map(({ path, kind, expected, actual }) => {
    if (kind === 'missing') return `${pathText(path)} is missing`;
    if (kind === 'added') return `${pathText(path)} is new`;
    return `${pathText(path)} ${short(expected)} -> ${short(actual)}`;
  });
  const more = differences.length - lines.length;
  return `${lines.join(', ')}${more > 0 ? `, ${more} more` : ''}`;
}

/** One line for a person. */
export function missLine(method: string, target: string | undefined, miss: Miss): string {
  const { reason, closest, differences } = miss;
  const name = `${method}${target === undefined ? '' : ` ${target}`}`;
  const near = closest === undefined ? '' : `; closest: ${cueName(closest)}`;
  return `not recorded: ${name}: ${reason}${near}${differences.length > 0 ? `: ${told(differences)}` : ''}`;
}

/** The same for the client. */
export function missError(method: string, { reason, closest, differences }: Miss): Json {
  return {
    code: INTERNAL_ERROR,
    message: `sidelight mock: ${method}: ${reason}`,
    data: {
      reason,
      closest: closest && { frame: closest.seq, method: closest.method, target: closest.target },
      differences: differences.slice(0, MAX_TOLD).map(({ path, kind, expected, actual }) => ({
        ...{ path: pathText(path), kind, recorded: expected, asked: actual },
      })),
    },
  };
}

function short(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_TOLD_CHARS ? `${text.slice(0, MAX_TOLD_CHARS)}...` : text;
}
