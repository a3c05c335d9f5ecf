/** JSON values as texts that are equal where the values are, however deeply they are nested. */

/** Text to be written, or a value in a pair of brackets that is still to be looked at. */
type Rest = string | readonly [unknown];

/** JSON with the members of every object in one order. Equal values give equal texts, others do not. */
export function canonical(value: unknown): string {
  let text = '';
  // Without recursion: a peer nests as it likes, and the stack has an end.
  const rest: Rest[] = [[value]];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === 'string') text += next;
    else text += begun(next[0], rest);
  }
  return text;
}

/** The beginning of the value's text; what follows it goes onto `rest`, the last first. */
function begun(value: unknown, rest: Rest[]): string {
  if (Array.isArray(value)) {
    rest.push(']');
    for (let at = value.length - 1; at >= 0; at--) rest.push([value[at]], at > 0 ? ',' : '');
    return '[';
  }
  if (!isObject(value)) return JSON.stringify(value);
  rest.push('}');
  const keys = Object.keys(value).sort();
  for (let at = keys.length - 1; at >= 0; at--) {
    const key = keys[at] ?? '';
    rest.push([value[key]], `${at > 0 ? ',' : ''}${JSON.stringify(key)}:`);
  }
  return '{';
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
