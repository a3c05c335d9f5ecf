/** Kinds of values that are counted: sizes in bytes, durations in milliseconds, and plain numbers. */
import * as z from 'zod/mini';
import { type Kind, read } from './schema.ts';

/** The first is the one that values are counted in. */
type Units = Readonly<Record<string, number>>;

const BYTE_UNITS: Units = {
  B: 1,
  kB: 1e3,
  KiB: 1024,
  MB: 1e6,
  MiB: 1024 ** 2,
  GB: 1e9,
  GiB: 1024 ** 3,
};
const TIME_UNITS: Units = { ms: 1, s: 1e3, min: 60e3, h: 3600e3, d: 86_400e3 };

/** Bytes. Without a unit, bytes. */
export function size(min: number, max: number): Kind<number> {
  return quantity('size', BYTE_UNITS, min, max, '10MiB');
}

/** Milliseconds. Without a unit, milliseconds. */
export function duration(min: number, max: number): Kind<number> {
  return quantity('duration', TIME_UNITS, min, max, '500ms');
}

/** A whole number. */
export function count(min: number, max: number): Kind<number> {
  return {
    schema: () =>
      read(
        z.union([z.string(), z.number()]),
        (written) => (/^\d{1,15}$/.test(String(written)) ? Number(written) : undefined),
        z.int().check(z.gte(min), z.lte(max)),
      ),
    metavar: 'number',
    expected: `a whole number from ${min} to ${max}`,
    show: String,
  };
}

/** A part of a whole. */
export function fraction(): Kind<number> {
  return {
    schema: () =>
      read(
        z.union([z.string(), z.number()]),
        (written) => (/^[\d.]+(?:e-\d+)?$/i.test(String(written)) ? Number(written) : undefined),
        z.number().check(z.gte(0), z.lte(1)),
      ),
    metavar: 'ratio',
    expected: 'a number from 0 to 1',
    show: String,
  };
}

function quantity(metavar: string, units: Units, min: number, max: number, example: string): Kind<number> {
  const factors = new Map(Object.entries(units).map(([unit, factor]) => [unit.toLowerCase(), factor]));
  const [base, ...larger] = Object.entries(units);
  const show = (value: number): string => {
    const exact = larger.filter(([, factor]) => value >= factor && value % factor === 0);
    const [unit, factor] = exact.reduce((best, next) => (next[1] > best[1] ? next : best), base ?? ['', 1]);
    return `${value / factor}${unit}`;
  };
  return {
    schema: () =>
      read(
        z.union([z.string(), z.number()]),
        (written) => {
          const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(String(written)) ?? [];
          const factor = unit === '' ? 1 : factors.get(unit.toLowerCase());
          return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
        },
        z.int().check(z.gte(min), z.lte(max)),
      ),
    metavar,
    expected: `a ${metavar} from ${show(min)} to ${show(max)}, such as ${example}`,
    show,
  };
}
