/**
 * Scenarios of mcp-recorder (devhelmhq/mcp-recorder, schema_version "1.x"): what a client is to ask a server, as cases that expect
 * nothing yet. What they hold of the environment is told. Pure.
 */
import * as z from 'zod/mini';
import { CASE_VERSION, type CaseFile } from './case.ts';
import { pathText } from './paths.ts';

export interface ScenariosOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tools that the cases may call. Undefined: all. */
  readonly allow: ReadonlySet<string> | undefined;
}

export interface ImportedCases {
  readonly cases: readonly CaseFile[];
  /** One line each: what somebody should know of them. */
  readonly notes: readonly string[];
}

type Action = Pick<CaseFile['steps'][number], 'method' | 'params' | 'target'>;

const MAX_SCENARIOS = 1000;
const LISTS: Readonly<Record<string, string>> = {
  list_tools: 'tools/list',
  list_prompts: 'prompts/list',
  list_resources: 'resources/list',
};
const args = z.optional(z.record(z.string(), z.unknown()));
const named = z.strictObject({ name: z.string(), arguments: args });
const ACTIONS = z.union([
  z.enum(['list_tools', 'list_prompts', 'list_resources']),
  z.strictObject({ call_tool: named }),
  z.strictObject({ get_prompt: named }),
  z.strictObject({ read_resource: z.strictObject({ uri: z.string() }) }),
]);
const WORDS = 'list_tools, list_prompts, list_resources, call_tool, get_prompt, read_resource';
const SCENARIOS = z.object({
  schema_version: z._default(z.string(), '1.0'),
  target: z.union([
    z.string(),
    z.object({
      command: z.string(),
      args: z._default(z.array(z.string()), []),
      env: z._default(z.record(z.string(), z.string()), {}),
      cwd: z.nullish(z.string()),
    }),
  ]),
  scenarios: z.record(z.string(), z.object({ actions: z.array(ACTIONS) })),
});
/** `${NAME}`, or `${NAME:-what stands in for it}`. */
const VARIABLE = /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g;
/** The one that its client speaks. */
const PROTOCOL_VERSION = '2025-11-25';

export function casesOf(
  written: unknown,
  options: ScenariosOptions,
): ImportedCases | { readonly problem: string } {
  if (typeof written === 'object' && written !== null && 'interactions' in written)
    return { problem: 'it is a cassette, not scenarios: sidelight import it, then sidelight case create' };
  const variables = new Variables(options.env);
  const parsed = SCENARIOS.safeParse(variables.in(written));
  if (variables.missing !== undefined)
    return { problem: `there is no variable ${variables.missing} in the environment` };
  if (!parsed.success) return { problem: problemOf(parsed.error) };
  const { schema_version: version, target, scenarios } = parsed.data;
  if (!/^1(\.|$)/.test(version)) return { problem: `schema_version ${version} is not known; 1.x is read` };
  const all = Object.entries(scenarios);
  if (all.length > MAX_SCENARIOS)
    return { problem: `${all.length} scenarios are too many; ${MAX_SCENARIOS} are the most` };
  const server = serverOf(target);
  if (server === undefined)
    return { problem: `$.target: ${JSON.stringify(target)} is not an http or https URL` };
  const own = typeof target === 'string' ? [] : Object.keys(target.env);
  return {
    cases: all.map(([name, { actions }]) => caseOf(name, server, actions.map(actionOf), options.allow)),
    notes: [
      ...(variables.used.length === 0 ? [] : [`the values of ${variables.used.join(', ')} are in the cases`]),
      ...(own.length === 0
        ? []
        : [`${own.join(', ')} of the target are not in the cases: set them for sidelight test`]),
    ],
  };
}

function problemOf(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
  const isAction = path.includes('actions') && typeof path.at(-1) === 'number';
  return `${pathText(path)}: ${isAction ? `expected an action: ${WORDS}` : (issue?.message ?? 'it is none')}`;
}

function caseOf(
  name: string,
  server: CaseFile['server'],
  actions: readonly Action[],
  allow: ReadonlySet<string> | undefined,
): CaseFile {
  const called = actions.flatMap(({ method, target }) => (method === 'tools/call' ? (target ?? []) : []));
  const allowed = [...new Set(called)].filter((tool) => allow?.has(tool) ?? true);
  return {
    sidelight: 'case',
    version: CASE_VERSION,
    name,
    server,
    era: 'legacy',
    protocolVersion: PROTOCOL_VERSION,
    client: { name: 'mcp-recorder', version: '0.1.0', capabilities: {} },
    ...(allowed.length > 0 && { allow: allowed }),
    steps: actions.map((action, index) => (index === 0 ? action : { ...action, after: [index - 1] })),
  };
}

function serverOf(target: z.infer<typeof SCENARIOS>['target']): CaseFile['server'] {
  if (typeof target !== 'string') {
    const { command, args: own, cwd } = target;
    return { command: [command, ...own], ...(typeof cwd === 'string' && { cwd }) };
  }
  if (!/^https?:/.test(target) || !URL.canParse(target)) return undefined;
  const url = new URL(target);
  // Its client adds the path to a server that is named without one.
  if (url.pathname === '/') url.pathname = '/mcp';
  return { url: url.href };
}

function actionOf(action: z.infer<typeof ACTIONS>): Action {
  if (typeof action === 'string') return { method: LISTS[action] ?? action };
  if ('read_resource' in action) {
    const { uri } = action.read_resource;
    return { method: 'resources/read', target: uri, params: { uri } };
  }
  const isTool = 'call_tool' in action;
  const { name, arguments: own = {} } = isTool ? action.call_tool : action.get_prompt;
  return { method: isTool ? 'tools/call' : 'prompts/get', target: name, params: { name, arguments: own } };
}

/** Puts values of the environment in their places, as mcp-recorder does, and knows which they were. */
class Variables {
  readonly #env: ScenariosOptions['env'];
  readonly #used = new Set<string>();
  #missing: string | undefined;

  constructor(env: ScenariosOptions['env']) {
    this.#env = env;
  }

  get used(): readonly string[] {
    return [...this.#used];
  }

  /** The first that is not set and has no stand-in. */
  get missing(): string | undefined {
    return this.#missing;
  }

  in(value: unknown): unknown {
    if (typeof value === 'string')
      return value.replace(VARIABLE, (_, name: string, otherwise: string | undefined) => {
        const found = this.#env[name];
        if (found !== undefined) this.#used.add(name);
        else if (otherwise === undefined) this.#missing ??= name;
        return found ?? otherwise ?? '';
      });
    if (Array.isArray(value)) return value.map((one: unknown) => this.in(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.in(one)]));
  }
}
