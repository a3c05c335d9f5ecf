/**
 * What the API answers, as schemas: handlers are typed by them, docs/openapi.json is made of them, and pages and clients share
 * their types. Times are microseconds since the Unix epoch. They only describe; nothing is read or checked here.
 */
import * as z from 'zod/mini';
import { CATEGORIES } from '../check/gate.ts';
import { ROLES } from '../config/access.ts';
import { Finding, FoundOperation, FoundSession, Frame, Operation, Session } from './records.ts';
import {
  count,
  list,
  maybeCount,
  maybeText,
  named,
  outcome,
  severity,
  text,
  texts,
  time,
  told,
} from './schemaWords.ts';

export const Problem = named(
  'Problem',
  z.object({
    type: z.literal('about:blank'),
    title: told(z.string(), 'The words of the status.'),
    status: z.int(),
    detail: told(z.string(), 'What is wrong and what to do, in a line.'),
    parameter: z.optional(told(z.string(), 'The parameter, or the member of the body, that is wrong.')),
    at: z.optional(told(count(), 'In a filter: the first character that is wrong.')),
    end: z.optional(told(count(), 'In a filter: the character after the last that is wrong.')),
  }),
);

export const Verdict = named(
  'Verdict',
  z.object({
    session: text,
    healthy: z.boolean(),
    headline: text,
    problems: list(
      z.object({
        atUs: time(),
        severity,
        what: text,
        count: count(),
        operationId: maybeCount(),
        seq: maybeCount(),
        hint: text,
      }),
    ),
  }),
);

const percentiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });
export const Statistics = named(
  'Statistics',
  z.object({
    items: list(
      z.object({
        server: text,
        method: text,
        tool: maybeText,
        calls: count(),
        failed: count(),
        outcomes: told(
          z.partialRecord(outcome, count()),
          'How often each ended as something else than `ok`.',
        ),
        durationUs: z.optional(percentiles),
        bytes: count(),
      }),
    ),
    groups: told(count(), 'All that there are; `limit` may leave some out.'),
    complete: told(z.boolean(), 'False: a bound was reached, and only the newest are counted.'),
  }),
);

function pageOf<T extends z.ZodMiniType>(id: string, of: T) {
  return named(
    id,
    z.object({
      items: list(of),
      next: told(z.optional(z.string()), 'Where the next page begins, for `after`; absent at the end.'),
      scannedBytes: told(count(), 'Payloads that were read to look for a text.'),
      stopped: told(
        z.boolean(),
        'The bound of payloads was reached: the page may be short, and `next` goes on.',
      ),
    }),
  );
}

export const SessionPage = pageOf('SessionPage', FoundSession);
export const OperationPage = pageOf('OperationPage', FoundOperation);
export const SearchResult = named(
  'SearchResult',
  z.object({ sessions: SessionPage, operations: OperationPage }),
);
export const SessionOperations = named(
  'SessionOperations',
  z.object({ items: list(Operation), next: z.optional(told(count(), 'For `after`; absent at the end.')) }),
);
export const FramePage = named(
  'FramePage',
  z.object({ items: list(Frame), next: z.optional(told(count(), 'For `from`; absent at the end.')) }),
);
export const Findings = named(
  'Findings',
  z.object({ items: list(Finding), total: told(count(), 'Of the session; the first thousand are given.') }),
);

export const difference = z.object({
  path: text,
  kind: z.enum(['missing', 'added', 'type', 'value', 'length']),
  expected: z.optional(z.unknown()),
  actual: z.optional(z.unknown()),
});
const call = z.object({ operationId: count(), method: text, target: maybeText, outcome });
export const Diff = named(
  'Diff',
  z.object({
    before: text,
    after: text,
    same: z.boolean(),
    session: list(z.object({ name: text, left: text, right: text })),
    toolsAdded: texts,
    toolsRemoved: texts,
    toolsChanged: list(z.object({ tool: text, differences: list(difference) })),
    calls: list(z.object({ left: call, right: call, asked: list(difference), answered: list(difference) })),
    onlyLeft: list(call),
    onlyRight: list(call),
  }),
);

export const Check = named(
  'Check',
  z.object({
    session: text,
    server: text,
    passed: z.boolean(),
    operations: count(),
    violations: list(
      z.object({
        rule: told(
          z.string(),
          `One of ${CATEGORIES.join(', ')}, a finding, max_duration, expect_tool or forbid_tool.`,
        ),
        severity,
        message: text,
        operationId: maybeCount(),
        seq: maybeCount(),
      }),
    ),
  }),
);

export const ImportResult = named(
  'ImportResult',
  z.object({
    format: text,
    sessions: list(
      z.object({
        id: text,
        oldId: told(z.optional(z.string()), 'In the file, where that was taken here.'),
        frames: count(),
        operations: count(),
        failedOperations: count(),
        whole: z.boolean(),
      }),
    ),
    leftOut: list(z.object({ what: text, line: maybeCount() })),
    leftOutCount: count(),
  }),
);

export const Settings = named(
  'Settings',
  z.object({
    file: z.nullable(z.string()),
    settings: z.record(
      z.string(),
      z.object({ value: z.union([z.string(), z.number(), z.boolean(), z.null()]), source: text }),
    ),
    warnings: texts,
  }),
);

export const Health = named(
  'Health',
  z.object({
    version: text,
    uptimeMs: count(),
    live: told(count(), 'Sessions that are being recorded.'),
    cursor: told(z.string(), 'Where the store ends now, for `/live`.'),
    followers: told(count(), 'Clients of `/live`, of this org.'),
    org: told(z.string(), 'Whose recordings are read with this token.'),
    role: told(z.enum(ROLES), 'What may be done with it.'),
    capabilities: told(
      z.object({
        writes: told(z.boolean(), 'Sessions can be pinned, noted, deleted and imported.'),
        replays: told(z.boolean(), 'Sessions can be run again.'),
      }),
      'What there is here for this role.',
    ),
    refused: told(count(), 'Requests since the start that came too fast to be answered.'),
  }),
);

export const Note = named(
  'Note',
  z.strictObject({ text: told(z.string().check(z.minLength(1)), 'The note; DELETE takes it away.') }),
);

/** The messages of /live, in the order in which they come. */
export const LiveMessage = named(
  'LiveMessage',
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('hello'),
      cursor: told(z.string(), 'Where this client goes on from.'),
      live: told(
        list(Session),
        'The sessions that are being recorded now, the newest first, at most a thousand.',
      ),
    }),
    z.object({
      type: z.literal('news'),
      cursor: told(z.string(), 'Everything up to here was told.'),
      started: list(Session),
      operations: list(Operation),
      changed: told(list(Session), 'Sessions as they stand now, such as those that ended.'),
    }),
    z.object({
      type: z.literal('missed'),
      cursor: told(z.string(), 'Where this client goes on from.'),
      sessions: told(count(), 'The most that were passed over; lists have them.'),
      operations: count(),
      reason: told(z.enum(['behind', 'replaced']), '`replaced`: the store is another than before.'),
    }),
    z.object({ type: z.literal('problem'), problem: Problem }),
  ]),
);
/** What a client says on the WebSocket: follow this from now on. */
export const Subscribe = named(
  'Subscribe',
  z.strictObject({
    type: z.literal('subscribe'),
    filter: z.optional(z.string()),
    cursor: z.optional(z.string()),
  }),
);
