/**
 * A filter as conditions of SQL, every value of it a parameter. Pure: it asks nothing, and what depends on the time or on what is
 * in the store is handed in.
 */
import type { Filter } from '../filter/ast.ts';
import { keyInfo, meantWords } from '../filter/keys.ts';
import { type FilterContext, isAboveBound, leafCondition, OPERATION, SESSION } from './conditions.ts';
import { around, joined, not, type Sql } from './sql.ts';

/** The condition on a row of `session`. */
export function sessionCondition(filter: Filter, context: FilterContext, positive = true): Sql {
  if (filter.kind === 'not') return not(sessionCondition(filter.of, context, !positive));
  if (filter.kind === 'and' || filter.kind === 'or') {
    // What is asked of operations side by side is asked of one and the same.
    const ofOperations = filter.of.filter(isOfOperations);
    const parts = filter.of
      .filter((one) => !isOfOperations(one))
      .map((one) => sessionCondition(one, context, positive));
    if (ofOperations.length > 0) parts.push(hasOperation({ kind: filter.kind, of: ofOperations }, context));
    return joined(filter.kind, parts);
  }
  if (isOfOperations(filter)) return hasOperation(filter, context);
  return leafCondition(filter, context, positive, SESSION);
}

/** The condition on a row of `operation` that is joined with its `session`. */
export function operationCondition(filter: Filter, context: FilterContext, positive = true): Sql {
  if (filter.kind === 'not') return not(operationCondition(filter.of, context, !positive));
  if (filter.kind === 'and' || filter.kind === 'or')
    return joined(
      filter.kind,
      filter.of.map((one) => operationCondition(one, context, positive)),
    );
  return leafCondition(filter, context, positive, OPERATION);
}

/** What must hold of a session, whatever else must hold of its operation: that it may have a text, too. */
export function sessionPart(filter: Filter): Filter {
  if (holdsOfSessions(filter)) return filter;
  return { kind: 'and', of: filter.kind === 'and' ? filter.of.filter(holdsOfSessions) : [] };
}

function holdsOfSessions(filter: Filter): boolean {
  return filter.kind === 'text' || isOfSessions(filter);
}

export function textsOf(filter: Filter): readonly string[] {
  if (filter.kind === 'not') return textsOf(filter.of);
  if ('of' in filter) return filter.of.flatMap(textsOf);
  return filter.kind === 'text' ? [filter.text] : [];
}

export function hasText(filter: Filter): boolean {
  return textsOf(filter).length > 0;
}

/** Without a NOT: an operation that is not so says nothing about whether there is one that is. */
export function isOfOperations(filter: Filter): boolean {
  if (filter.kind === 'not') return false;
  if (filter.kind === 'and' || filter.kind === 'or') return filter.of.every(isOfOperations);
  return filter.kind !== 'text' && keyInfo(filter.key)?.scope === 'operation';
}

function isOfSessions(filter: Filter): boolean {
  if (filter.kind === 'not') return isOfSessions(filter.of);
  if (filter.kind === 'and' || filter.kind === 'or') return filter.of.every(isOfSessions);
  if (filter.kind !== 'match') return false;
  if (filter.key === 'is') return !meantWords('is', filter.any).includes('failed');
  return keyInfo(filter.key)?.scope === 'session';
}

function hasOperation(filter: Filter, context: FilterContext): Sql {
  const condition = operationCondition(filter, context);
  return isIndexed(filter) && context.isFew(condition)
    ? around('session.number IN (SELECT operation.session FROM operation WHERE ', condition, ')')
    : around(
        'EXISTS (SELECT 1 FROM operation INDEXED BY operation_by_session WHERE operation.session = session.number AND ',
        condition,
        ')',
      );
}

/** Whether operations are found without a look at those that are not meant. */
function isIndexed(filter: Filter): boolean {
  if (filter.kind === 'and') return filter.of.some(isIndexed);
  if (filter.kind === 'or') return filter.of.every(isIndexed);
  if (filter.kind === 'compare') return isAboveBound(filter);
  return (
    filter.kind === 'match' && (filter.key !== 'status' || !meantWords('status', filter.any).includes('ok'))
  );
}
