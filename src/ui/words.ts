/** Numbers and times as a person reads them. Pure but for the time zone. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const;

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit] ?? ''}`;
}

/** Of microseconds, three digits. */
export function duration(us: number): string {
  if (us < 1000) return `${Math.max(0, Math.round(us))} µs`;
  if (us < 1e6) return `${digits(us / 1000)} ms`;
  if (us < 60e6) return `${digits(us / 1e6)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 60 / 24)} d`;
}

function digits(value: number): string {
  return value >= 99.95 ? String(Math.round(value)) : value.toPrecision(3);
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function plural(value: number, word: string, words = `${word}s`): string {
  return `${count(value)} ${value === 1 ? word : words}`;
}

const pad = (value: number, length = 2): string => String(value).padStart(length, '0');

/** Of the day, with the day where that is not today. */
export function clock(us: number, nowMs: number): string {
  const date = new Date(us / 1000);
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const today = new Date(nowMs);
  return date.toDateString() === today.toDateString() ? time : `${day(date)} ${time}`;
}

function day(date: Date): string {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** Exactly, for a tooltip. */
export function exact(us: number): string {
  const date = new Date(us / 1000);
  return `${day(date)} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(us % 1e6, 6)}`;
}

/** Since the start of a session, in seconds. */
export function offset(us: number): string {
  const sign = us < 0 ? '−' : '+';
  return `${sign}${(Math.abs(us) / 1e6).toFixed(3)} s`;
}

export function shortId(id: string): string {
  return id.slice(-8);
}

/** Roughly what a model pays for a text. */
export function tokens(bytes: number): string {
  const value = bytes / 4;
  return value < 1000 ? String(Math.round(value)) : `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} k`;
}
