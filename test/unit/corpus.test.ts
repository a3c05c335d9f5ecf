import * as core from '@modelcontextprotocol/core';
import * as sdk from '@modelcontextprotocol/sdk/types.js';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/mcp/decode.ts';
import { eraOf } from '../../src/mcp/era.ts';
import { methodInfo, METHODS } from '../../src/mcp/methods.ts';
import { expectedOf, parse, told } from './oracle.ts';

/**
 * test/corpus/<revision>/accepted/<kind>-<method>[--<variant>].json and rejected/<reason>-<what>.txt (or .bin): the
 * bytes of one frame each. The method is written with `-` for `/`, a notification's without `notifications/`.
 */
const CORPUS = new URL('../corpus/', import.meta.url);
const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'];

interface Fixture {
  readonly file: string;
  readonly kind: string;
  readonly method: string;
  readonly variant: string | undefined;
  readonly bytes: Uint8Array;
}

function fixtures(revision: string, verdict: 'accepted' | 'rejected'): Fixture[] {
  const folder = new URL(`${revision}/${verdict}/`, CORPUS);
  return readdirSync(folder).map((file) => {
    const [, kind = '', method = '', variant] = /^(\w+)-(.+?)(?:--(.+))?\.\w+$/.exec(file) ?? [];
    return { file, kind, method, variant, bytes: readFileSync(new URL(file, folder)) };
  });
}

/** The SDK's name for a method: `tools/list` is ListTools. */
const SCHEMA_NAMES: Readonly<Record<string, string>> = {
  initialize: 'Initialize',
  ping: 'Ping',
  'server-discover': 'Discover',
  'completion-complete': 'Complete',
  'logging-setLevel': 'SetLevel',
  'prompts-get': 'GetPrompt',
  'prompts-list': 'ListPrompts',
  'resources-list': 'ListResources',
  'resources-templates-list': 'ListResourceTemplates',
  'resources-read': 'ReadResource',
  'resources-subscribe': 'Subscribe',
  'resources-unsubscribe': 'Unsubscribe',
  'subscriptions-listen': 'SubscriptionsListen',
  'tools-call': 'CallTool',
  'tools-list': 'ListTools',
  'tasks-get': 'GetTask',
  'tasks-result': 'GetTaskPayload',
  'tasks-list': 'ListTasks',
  'tasks-cancel': 'CancelTask',
  'sampling-createMessage': 'CreateMessage',
  'roots-list': 'ListRoots',
  'elicitation-create': 'Elicit',
  initialized: 'Initialized',
  cancelled: 'Cancelled',
  progress: 'Progress',
  'roots-list_changed': 'RootsListChanged',
  message: 'LoggingMessage',
  'resources-updated': 'ResourceUpdated',
  'resources-list_changed': 'ResourceListChanged',
  'tools-list_changed': 'ToolListChanged',
  'prompts-list_changed': 'PromptListChanged',
  'elicitation-complete': 'ElicitationComplete',
  'tasks-status': 'TaskStatus',
  'subscriptions-acknowledged': 'SubscriptionsAcknowledged',
};

interface Schema {
  safeParse(value: unknown): { success: boolean; error?: unknown };
}

function schemaOf(revision: string, { kind, method, variant }: Fixture): Schema | undefined {
  const name = SCHEMA_NAMES[method];
  const isModern = eraOf(revision) === 'modern';
  // The SDK's tasks are those of 2025-11-25; it has none of the extension that followed them.
  const isExtension = isModern && (method.startsWith('tasks') || variant === 'task-created');
  if (name === undefined || isExtension) return undefined;
  const schemas = (isModern ? core : sdk) as unknown as Readonly<Record<string, Schema>>;
  if (kind === 'request') return schemas[`${name}RequestSchema`];
  if (kind === 'notification') return schemas[`${name}NotificationSchema`];
  if (kind !== 'result' || variant === 'input-required') return undefined;
  if (variant === 'task-created') return schemas.CreateTaskResultSchema;
  return schemas[`${name}ResultSchema`] ?? schemas.EmptyResultSchema;
}

describe.each(REVISIONS)('%s', (revision) => {
  const accepted = fixtures(revision, 'accepted');

  test.each(accepted)('$file is what its name says, with the facts that it holds', ({ kind, bytes }) => {
    const parsed = parse(bytes);
    if (typeof parsed === 'string') expect.unreachable(parsed);
    const message = decode(bytes);
    expect(message.kind).toBe(kind);
    expect(told(message)).toEqual(expectedOf(parsed.value));
    expect(message.sizeBytes).toBe(bytes.length);
    if ('json' in message) expect(message.json()).toEqual(parsed.value);
  });

  test.each(fixtures(revision, 'rejected'))('$file is rejected for what its name says', ({ kind, bytes }) => {
    expect(decode(bytes)).toEqual({ kind: 'malformed', reason: kind, sizeBytes: bytes.length });
  });

  test('the fixtures are what the SDK takes for messages of their kind', () => {
    let validated = 0;
    for (const fixture of accepted) {
      const schema = schemaOf(revision, fixture);
      if (schema === undefined) continue;
      const value = JSON.parse(Buffer.from(fixture.bytes).toString()) as { result?: unknown };
      const checked = schema.safeParse(fixture.kind === 'result' ? value.result : value);
      expect(checked.success, `${fixture.file}: ${String(checked.error)}`).toBe(true);
      validated += 1;
    }
    expect(validated).toBeGreaterThan(35);
  });

  test('every method of the revision has a fixture, and each request a result', () => {
    const has = new Set(accepted.map(({ kind, method }) => `${kind} ${method}`));
    for (const { method, kind, since, until } of METHODS) {
      if (since > revision || (until !== undefined && until <= revision)) continue;
      const slug = method.replace('notifications/', '').replaceAll('/', '-');
      expect(has, method).toContain(`${kind} ${slug}`);
      if (kind === 'request') expect(has, method).toContain(`result ${slug}`);
    }
  });

  test('every fixture of the protocol stands for a method that the table has', () => {
    for (const { kind, method, bytes } of accepted) {
      const message = decode(bytes);
      if (!('method' in message) || method.startsWith('vendor')) continue;
      expect(methodInfo(message.method)?.kind, message.method).toBe(kind);
    }
  });
});
