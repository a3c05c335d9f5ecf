/** The requests in flight of which nothing was heard for long. It ends none of them: the answer may still come. */
import type { Links } from '../links.ts';
import type { OpenOperation } from '../operation.ts';
import type { Requests } from '../pending.ts';

/** Looked at in each direction at a time, the oldest: where so many are open they tell enough. */
const MAX_LOOKED_AT = 1000;
/** What may wait for a person, and so for as long as that takes. */
const OF_PEOPLE: ReadonlySet<string> = new Set(['elicitation/create', 'sampling/createMessage']);

/** None of the client's while its side owes an answer that they may wait for. */
export function hungSince(links: Links, atUs: number): readonly OpenOperation[] {
  const asked = oldest(links.pending('server_to_client'));
  const open = asked.some(({ method }) => OF_PEOPLE.has(method))
    ? asked
    : [...oldest(links.pending('client_to_server')), ...asked];
  return open.filter(
    (operation) =>
      operation.heardAtUs <= atUs &&
      operation.pollOf === undefined &&
      !OF_PEOPLE.has(operation.method) &&
      !links.mayHaveLostItsAnswer(operation),
  );
}

/** Without streams, which are open on purpose. */
function oldest(pending: Requests): readonly OpenOperation[] {
  const found: OpenOperation[] = [];
  for (let at = pending.oldest; at !== undefined && found.length < MAX_LOOKED_AT; at = at.newer)
    found.push(at);
  return found;
}
