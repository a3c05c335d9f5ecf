/** What tools of the MCP server answer, as schemas, and how records become it: short, and bounded, as a model pays for each word. */
import * as z from 'zod/mini';
import { isFailure } from '../../event/outcome.ts';
import type { FoundOperation, FoundSession, Operation, Session } from '../records.ts';
import { count, list, maybeCount, maybeText, outcome, severity, text, told } from '../schemaWords.ts';

/** Of one recorded text within an answer. */
export const MAX_TEXT = 500;
/** Of the rows of one list within an answer. */
export const MAX_ROWS = 100;

const at = told(z.string(), 'ISO 8601, UTC.');
const ms = told(z.number(), 'Milliseconds.');
const next = told(z.optional(z.string()), 'For `after`: there is more.');

export const SessionRow = z.object({
  id: text,
  server: text,
  status: z.enum(['live', 'ok', 'failed', 'crashed', 'interrupted']),
  startedAt: at,
  durationMs: z.optional(ms),
  operations: count(),
  failedOperations: count(),
  findings: count(),
  pinned: z.boolean(),
  note: maybeText,
});
export const OperationRow = z.object({
  operation: count(),
  method: text,
  target: told(maybeText, 'The tool, prompt or resource.'),
  outcome,
  error: maybeText,
  durationMs: ms,
  requestFrame: told(count(), 'For read_frame.'),
  lastFrame: count(),
});
export const FoundRow = z.object({ session: text, server: text, ...OperationRow.shape });

export const SessionList = z.object({ sessions: list(SessionRow), next });
export const SessionStory = z.object({
  session: SessionRow,
  client: maybeText,
  protocolVersion: maybeText,
  transport: text,
  target: maybeText,
  command: list(text),
  endCause: maybeText,
  lastStderr: list(text),
  operations: list(OperationRow),
  next: told(z.optional(count()), 'For `after`: there is more.'),
  findings: list(
    z.object({
      rule: text,
      severity,
      title: text,
      detail: text,
      hint: text,
      frame: count(),
      operation: maybeCount(),
    }),
  ),
});
export const Explanation = z.object({
  session: text,
  healthy: z.boolean(),
  headline: text,
  problems: list(
    z.object({
      at,
      severity,
      what: text,
      count: count(),
      operation: maybeCount(),
      frame: maybeCount(),
      hint: text,
    }),
  ),
});
export const Found = z.object({ sessions: list(SessionRow), operations: list(FoundRow), more: z.boolean() });
export const FrameText = z.object({
  session: text,
  frame: count(),
  at,
  channel: text,
  kind: text,
  method: maybeText,
  operation: maybeCount(),
  sizeBytes: count(),
  redactions: count(),
  text: told(z.string(), 'The payload, or a part of it; base64 where it is no text.'),
  from: told(count(), 'The first character of the part.'),
  next: told(z.optional(count()), 'For `from`: there is more.'),
});
const differs = list(z.object({ path: text, kind: text, before: maybeText, after: maybeText }));
export const SessionDiff = z.object({
  before: text,
  after: text,
  same: z.boolean(),
  session: list(z.object({ name: text, before: text, after: text })),
  toolsAdded: list(text),
  toolsRemoved: list(text),
  toolsChanged: list(z.object({ tool: text, differences: differs })),
  calls: list(
    z.object({
      before: count(),
      after: count(),
      method: text,
      target: maybeText,
      asked: differs,
      answered: differs,
    }),
  ),
  onlyBefore: list(count()),
  onlyAfter: list(count()),
  cut: told(z.boolean(), 'There is more than is given here; GET /diff of the API has all.'),
});
export const ReplayPlan = z.object({
  session: text,
  steps: list(
    z.object({
      step: count(),
      method: text,
      target: maybeText,
      safety: z.enum(['safe', 'read_only', 'allowed', 'destructive', 'unknown']),
      blocked: list(text),
      params: told(maybeText, 'JSON.'),
    }),
  ),
  sendable: told(count(), 'Steps that nothing stands in the way of.'),
  total: count(),
  targets: told(list(text), 'The targets that run_replay may name; empty where replays are off.'),
});
export const ReplayOutcome = z.object({
  session: text,
  target: text,
  state: z.enum(['done', 'cancelled', 'failed']),
  problem: maybeText,
  reproduced: z.optional(z.boolean()),
  firstDivergence: maybeCount(),
  steps: count(),
  different: list(
    z.object({
      step: count(),
      method: text,
      target: maybeText,
      expected: text,
      actual: text,
      differences: differs,
    }),
  ),
  recordedAs: told(maybeText, 'The session that was recorded of it.'),
});

type SessionLike = z.output<typeof Session> | z.output<typeof FoundSession>;
type OperationLike = z.output<typeof Operation> | z.output<typeof FoundOperation>;

export function sessionRow(session: SessionLike): z.output<typeof SessionRow> {
  const { id, server, status, startedAtUs, endedAtUs, operations, failedOperations, findings } = session;
  return {
    id,
    server: clipped(server),
    status,
    startedAt: isoOf(startedAtUs),
    ...(endedAtUs !== undefined && { durationMs: (endedAtUs - startedAtUs) / 1000 }),
    operations,
    failedOperations,
    findings,
    pinned: session.pinned,
    note: session.note && clipped(session.note),
  };
}

export function operationRow(operation: OperationLike): z.output<typeof OperationRow> {
  const { operationId, method, target, outcome: is, error, startedAtUs, endedAtUs } = operation;
  const said = error?.message ?? error?.type;
  return {
    operation: operationId,
    method: clipped(method),
    target: target && clipped(target.name),
    outcome: is,
    error: isFailure(is) && said !== undefined ? clipped(said) : undefined,
    durationMs: (endedAtUs - startedAtUs) / 1000,
    requestFrame: operation.firstSeq,
    lastFrame: operation.lastSeq,
  };
}

interface Difference {
  readonly path: string;
  readonly kind: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

export function differencesOf(found: readonly Difference[]): z.output<typeof differs> {
  return found.slice(0, MAX_ROWS).map(({ path, kind, expected, actual }) => ({
    path: clipped(path),
    kind,
    before: jsonOf(expected),
    after: jsonOf(actual),
  }));
}

export function jsonOf(value: unknown): string | undefined {
  return value === undefined ? undefined : clipped(JSON.stringify(value));
}

export function isoOf(us: number): string {
  return new Date(us / 1000).toISOString();
}

export function clipped(said: string): string {
  return said.length > MAX_TEXT ? `${said.slice(0, MAX_TEXT)}...` : said;
}
