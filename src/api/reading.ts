/** What is written down of reads: where many people read what many machines recorded, each look at payloads leaves a line. */
import type { Filter } from '../filter/ast.ts';
import { hasText } from '../store/filter.ts';
import { type Asker, audit, type AuditEntry } from './audit.ts';
import type { ApiContext } from './handler.ts';

type Place = Pick<ApiContext, 'stored' | 'auditFile' | 'now'>;

/** A text of a filter is looked for in payloads. Throws an ApiError when it cannot be written down. */
export function auditSearch(context: Place, asker: Asker, route: string, filter: Filter): void {
  if (hasText(filter)) auditRead(context, asker, { action: 'search', route });
}

/** Throws an ApiError when it cannot be written down. */
export function auditRead(context: Place, asker: Asker, entry: AuditEntry): void {
  const { stored, auditFile, now } = context;
  // Whoever is let in on one machine can read its files.
  if (stored === undefined) audit(auditFile, entry, now(), asker);
}
