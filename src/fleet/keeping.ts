/** How long the fleet's tables keep what, and where: as clauses of their definitions. Pure. */

/** Days since a row's own time; undefined: without bound. */
export interface Keeping {
  readonly days: number | undefined;
  /** Of payloads alone; what is known of every frame stays. */
  readonly payloadDays: number | undefined;
  /** Rows that are older go to a volume of a storage policy, such as one of cheaper disks or of objects. */
  readonly cold: { readonly afterDays: number; readonly volume: string; readonly policy: string } | undefined;
}

export const FOREVER: Keeping = { days: undefined, payloadDays: undefined, cold: undefined };

/** Of a table whose rows have their time in the column `at`; undefined: it keeps all. */
export function ttlOf(at: string, { days, cold }: Keeping): string | undefined {
  const moves = cold === undefined ? [] : [`${after(at, cold.afterDays)} TO VOLUME '${cold.volume}'`];
  const deletes = days === undefined ? [] : [`${after(at, days)} DELETE`];
  const all = [...moves, ...deletes];
  return all.length === 0 ? undefined : all.join(', ');
}

/** Of the column of payloads: with a space before it, or nothing. */
export function payloadTtl(at: string, { payloadDays }: Keeping): string {
  return payloadDays === undefined ? '' : ` TTL ${after(at, payloadDays)}`;
}

function after(at: string, days: number): string {
  return `toDateTime(${at}) + INTERVAL ${days} DAY`;
}
