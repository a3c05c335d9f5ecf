/** What of a tool's definition is trusted, and what it means that it changed. */
import { canonical, isObject } from '../mcp/canonical.ts';

export interface TrustedTool {
  readonly hash: string;
  /** JSON, redacted. */
  readonly definition: string;
}

/** What is trusted of a server, by the names of its tools; undefined when nothing is, because it was never seen. */
export type TrustedTools = (server: string) => ReadonlyMap<string, TrustedTool> | undefined;

export interface DefinitionsOptions {
  readonly trusted: TrustedTools;
  /** Hex, the same for the same text. */
  readonly hash: (text: string) => string;
}

/** What makes a tool what it is, for a model and for who allows it. */
export const MEMBERS = [
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
  'execution',
] as const;
/** `description, inputSchema`: which members differ. */
export function changed(before: string | undefined, after: string): string {
  const [old, now] = [parsed(before), parsed(after)];
  const members = MEMBERS.filter((key) => canonical(old[key] ?? null) !== canonical(now[key] ?? null));
  return members.length === 0 ? 'its definition' : members.join(', ');
}

/** Empty for a definition that was cut. */
function parsed(definition = '{}'): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(definition);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
