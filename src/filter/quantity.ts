/** Durations, sizes and dates as a filter writes them. The local zone comes from the platform; the time of day is handed in. */
import type { CompareKey, When } from './ast.ts';

type Units = Readonly<Record<string, number>>;

/** From small to large; the last that divides a value without a rest is what it is printed in. */
const TIME_US: Units = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6, w: 604_800e6 };
const BYTES: Units = { B: 1, kB: 1e3, KiB: 1024, MB: 1e6, MiB: 1024 ** 2, GB: 1e9, GiB: 1024 ** 3 };

const UNITS: Readonly<Record<CompareKey, Units>> = { dur: TIME_US, bytes: BYTES };
const OTHER_NAMES: Readonly<Record<string, string>> = { µs: 'us', min: 'm', k: 'kb', g: 'gb' };
const DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** Undefined for what is no quantity with a unit, or too much to be counted exactly. */
export function quantity(key: CompareKey, written: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)([a-zµ]+)$/i.exec(written) ?? [];
  if (digits === undefined) return undefined;
  const wanted = OTHER_NAMES[unit.toLowerCase()] ?? unit.toLowerCase();
  const factor = Object.entries(UNITS[key]).find(([name]) => name.toLowerCase() === wanted)?.[1];
  const value = factor === undefined ? undefined : Math.round(Number(digits) * factor);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/** As `quantity` reads it. */
export function printQuantity(key: CompareKey, value: number): string {
  const exact = Object.entries(UNITS[key]).filter(([, factor]) => value % factor === 0);
  const [unit, factor] = exact.reduce((best, next) => (next[1] > best[1] ? next : best));
  return value === 0 ? `0${Object.keys(UNITS[key])[0] ?? ''}` : `${value / factor}${unit}`;
}

/** Undefined for what is neither a duration nor a day that the calendar has. */
export function when(written: string): When | undefined {
  const agoUs = quantity('dur', written);
  if (agoUs !== undefined) return { agoUs };
  if (!DATE.test(written)) return undefined;
  const day = new Date(`${written.slice(0, 10)}T00:00Z`);
  // `Date` takes the 30th of February for the first of March or the second.
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(written.slice(0, 10));
  return isDay && !Number.isNaN(dateMs(written)) ? { date: written } : undefined;
}

export function printWhen(at: When): string {
  return 'date' in at ? at.date : printQuantity('dur', at.agoUs);
}

/** Microseconds since the Unix epoch. */
export function whenUs(at: When, nowUs: number): number {
  return 'date' in at ? dateMs(at.date) * 1000 : nowUs - at.agoUs;
}

/** A day alone would be one of UTC: with a time it is one of here. */
function dateMs(date: string): number {
  return Date.parse(date.length === 10 ? `${date}T00:00` : date);
}
