import { describe, expect, it } from 'vitest';
import type { FindingRule } from '../../src/event/findings.ts';
import { Conversation, MODERN_META } from './conversation.ts';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const OBJECT = { type: 'object' };

/** The evidence of the findings by one rule. */
function told(talk: Conversation, rule: FindingRule): string[] {
  return talk.of('finding_raised').flatMap((finding) => (finding.rule === rule ? [finding.detail] : []));
}

function tool(name: string, more: object = {}): object {
  return { name, inputSchema: OBJECT, ...more };
}

/** A session whose tools were listed in one page. */
function talkWith(...tools: readonly object[]): Conversation {
  const talk = new Conversation().initialized();
  talk.client.asks('list', 'tools/list');
  talk.server.answers('list', { tools });
  return talk;
}

function calls(talk: Conversation, id: number, name: string, args?: object): void {
  talk.client.asks(id, 'tools/call', { name, arguments: args });
}

function failed(text: string) {
  return { content: [{ type: 'text', text }], isError: true };
}

describe('missing_required_meta', () => {
  it('is raised for each method whose request lacks what 2026-07-28 asks for', () => {
    const talk = new Conversation();
    const rest = { ...MODERN_META, [CAPABILITIES]: undefined };
    for (const id of [1, 2]) talk.client.asks(id, 'tools/list', { _meta: rest });
    talk.client.asks(3, 'prompts/list');
    talk.client.asks(4, 'resources/list', { _meta: { [CAPABILITIES]: {} } });
    expect(told(talk, 'missing_required_meta')).toEqual([
      `tools/list: ${CAPABILITIES}`,
      `prompts/list: io.modelcontextprotocol/protocolVersion, ${CAPABILITIES}`,
      'resources/list: io.modelcontextprotocol/protocolVersion',
    ]);
  });

  it('is raised for a discovery without any', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'server/discover');
    expect(told(talk, 'missing_required_meta')).toHaveLength(1);
  });

  it('is not raised for whole metadata, older revisions, or who falls back to one', () => {
    const modern = new Conversation();
    modern.client.asks(1, 'tools/list', { _meta: MODERN_META });
    modern.client.notifies('notifications/cancelled', { requestId: 1 });
    const legacy = new Conversation().initialized();
    legacy.client.asks(1, 'tools/list');
    const fallen = new Conversation();
    fallen.client.asks(0, 'server/discover', { _meta: MODERN_META });
    fallen.server.fails(0, -32_601);
    fallen.initialized().client.asks(1, 'tools/list');
    for (const talk of [modern, legacy, fallen]) expect(talk.findings()).toEqual([]);
  });

  it('is not raised over HTTP for another client of an older revision in a session that was inferred', () => {
    const talk = new Conversation({ transport: 'http' });
    talk.exchange().client.asks(1, 'tools/list', { _meta: MODERN_META });
    talk.exchange().client.asks(1, 'tools/list');
    expect(talk.findings()).toEqual([]);
  });
});

describe('unlisted_tool', () => {
  it('is raised once for a tool that the whole list does not have', () => {
    const talk = talkWith(tool('a'));
    for (const [id, name] of ['a', 'b', 'b'].entries()) calls(talk, id, name);
    expect(told(talk, 'unlisted_tool')).toEqual(['b']);
  });

  it('is raised when the last page has come', () => {
    const talk = new Conversation().initialized();
    talk.client.asks(1, 'tools/list');
    talk.server.answers(1, { tools: [tool('a')], nextCursor: 'two' });
    calls(talk, 2, 'b');
    expect(talk.findings()).toEqual([]);
    talk.client.asks(3, 'tools/list', { cursor: 'two' });
    talk.server.answers(3, { tools: [tool('c')] });
    for (const [id, name] of ['a', 'b', 'c'].entries()) calls(talk, 10 + id, name);
    expect(told(talk, 'unlisted_tool')).toEqual(['b']);
  });

  it.each([
    ['no list was seen', () => new Conversation().initialized()],
    [
      'only a later page was',
      () => {
        const talk = new Conversation().initialized();
        talk.client.asks(1, 'tools/list', { cursor: 'two' });
        talk.server.answers(1, { tools: [] });
        return talk;
      },
    ],
    [
      'the list has changed since',
      () => {
        const talk = talkWith();
        talk.server.notifies('notifications/tools/list_changed');
        return talk;
      },
    ],
    [
      'the list is no list',
      () => {
        const talk = new Conversation().initialized();
        talk.client.asks(1, 'tools/list');
        talk.server.answers(1, { tools: 'none' });
        return talk;
      },
    ],
    [
      'copies were lost, and with them perhaps another list',
      () => {
        const talk = talkWith();
        talk.tracker.gap({ channel: 'server_to_client', atUs: talk.now(), chunks: 1, bytes: 1 });
        return talk;
      },
    ],
    [
      'there are more tools than are remembered',
      () => {
        const talk = new Conversation({ limits: { maxListed: 2 } }).initialized();
        talk.client.asks(1, 'tools/list');
        talk.server.answers(1, { tools: [tool('a'), tool('b'), tool('x')] });
        return talk;
      },
    ],
  ])('is not raised where %s', (_what, talkOf) => {
    const talk = talkOf();
    calls(talk, 9, 'x');
    expect(talk.findings()).toEqual([]);
  });
});

describe('invalid_arguments', () => {
  const inputSchema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };

  it('is raised once for each way to break the schema, with the operation and without the value', () => {
    const talk = talkWith(tool('read', { inputSchema }));
    calls(talk, 1, 'read', { path: 77_777 });
    calls(talk, 2, 'read', { path: 88_888 });
    calls(talk, 3, 'read');
    expect(told(talk, 'invalid_arguments')).toEqual([
      'read: /path must be string',
      "read: / must have required property 'path'",
    ]);
    const [first] = talk.of('finding_raised');
    expect(first?.operationId).toBe(talk.of('operation_started').at(-3)?.operationId);
  });

  it('is not raised for what keeps to it, and no longer by a schema that may have changed', () => {
    const talk = talkWith(tool('read', { inputSchema }));
    calls(talk, 1, 'read', { path: 'a', more: true });
    talk.server.notifies('notifications/tools/list_changed');
    calls(talk, 2, 'read');
    expect(talk.findings()).toEqual([]);
  });

  it('is by the schema that was listed last', () => {
    const talk = talkWith(tool('read', { inputSchema }));
    talk.client.asks('again', 'tools/list');
    talk.server.answers('again', { tools: [tool('read')] });
    calls(talk, 1, 'read');
    expect(talk.findings()).toEqual([]);
  });

  it('is not raised by a schema of somewhere else, nor for arguments that are too large to look at', () => {
    const remote = { type: 'object', properties: { path: { $ref: 'https://example.com/path.json' } } };
    const talk = talkWith(tool('remote', { inputSchema: remote }), tool('read', { inputSchema }));
    calls(talk, 1, 'remote', { path: 1 });
    calls(talk, 2, 'read', { other: 'x'.repeat(70_000) });
    expect(told(talk, 'invalid_arguments')).toEqual([]);
  });
});

describe('invalid_structured_content', () => {
  const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };

  it.each([
    ['breaks the schema', { structuredContent: { n: 'x' } }, 'sum: /n must be number'],
    ['is missing', {}, 'sum: no structuredContent, though there is an outputSchema'],
  ])('is raised once where it %s', (_what, result, detail) => {
    const talk = talkWith(tool('sum', { outputSchema }));
    for (const id of [1, 2]) {
      calls(talk, id, 'sum');
      talk.server.answers(id, { content: [], ...result });
    }
    expect(told(talk, 'invalid_structured_content')).toEqual([detail]);
  });

  it.each([
    ['keeps to the schema', { structuredContent: { n: 1 } }],
    ['is of a failure', { content: [], isError: true }],
    ['is still to come', { resultType: 'input_required', inputRequests: {} }],
    ['is a task', { resultType: 'task', taskId: 't' }],
  ])('is not raised where the result %s', (_what, result) => {
    const talk = talkWith(tool('sum', { outputSchema }));
    calls(talk, 1, 'sum');
    talk.server.answers(1, result);
    expect(talk.findings()).toEqual([]);
  });

  it('is not raised for a call that asked for a task, nor for a tool without an outputSchema', () => {
    const talk = talkWith(tool('sum', { outputSchema }), tool('plain'));
    talk.client.asks(1, 'tools/call', { name: 'sum', task: {} });
    talk.server.answers(1, { task: { taskId: 't', status: 'working' } });
    calls(talk, 2, 'plain');
    talk.server.answers(2, { content: [], structuredContent: [1] });
    expect(talk.findings()).toEqual([]);
  });
});

describe('schema_hard_for_clients', () => {
  it.each([
    ['no object', tool('t', { inputSchema: { type: 'string' } }), 't: a type at the top that is not object'],
    ['a choice at the top', tool('t', { inputSchema: { ...OBJECT, oneOf: [{}] } }), 't: oneOf at the top'],
    [
      'definitions',
      tool('t', { inputSchema: { ...OBJECT, properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: {} } } }),
      't: definitions, $ref',
    ],
    ['a dot in the name', tool('a.b'), 'a.b: a name outside [A-Za-z0-9_-]{1,64}'],
    ['a long name', tool('n'.repeat(65)), `${'n'.repeat(65)}: a name outside [A-Za-z0-9_-]{1,64}`],
  ])('is raised once for %s', (_what, definition, detail) => {
    const talk = talkWith(definition);
    talk.client.asks('again', 'tools/list');
    talk.server.answers('again', { tools: [definition] });
    expect(told(talk, 'schema_hard_for_clients')).toEqual([detail]);
  });

  it('is not raised for what only looks like it', () => {
    const properties = {
      $ref: { type: 'string' },
      kind: { anyOf: [{ type: 'string' }, { type: 'number' }] },
      sample: { default: { $ref: 'x' } },
    };
    const talk = talkWith(tool('n'.repeat(64), { inputSchema: { ...OBJECT, properties } }));
    expect(talk.findings()).toEqual([]);
  });
});

describe('oversized_result', () => {
  it('is raised once for a tool, above 100 KB', () => {
    const talk = talkWith(tool('read'));
    for (const id of [1, 2]) {
      calls(talk, id, 'read');
      talk.server.answers(id, { content: [{ type: 'text', text: 'x'.repeat(102_400) }] });
    }
    expect(told(talk, 'oversized_result')).toEqual([expect.stringMatching(/^read: 10\d{4} bytes/)]);
  });

  it('is not raised below, nor for what is no tool', () => {
    const talk = talkWith(tool('read'));
    calls(talk, 1, 'read');
    talk.server.answers(1, { content: [{ type: 'text', text: 'x'.repeat(102_000) }] });
    talk.client.asks(2, 'ping');
    talk.server.answers(2, { text: 'x'.repeat(200_000) });
    expect(talk.findings()).toEqual([]);
  });
});

describe('tool_list_cost', () => {
  const description = 'x'.repeat(21_000);

  it('is raised once where the pages come to more than 40 KB, with an estimate of tokens', () => {
    const talk = new Conversation().initialized();
    for (const round of [0, 10]) {
      talk.client.asks(round, 'tools/list');
      talk.server.answers(round, { tools: [tool('a', { description })], nextCursor: 'two' });
      talk.client.asks(round + 1, 'tools/list', { cursor: 'two' });
      talk.server.answers(round + 1, { tools: [tool('b', { description })] });
    }
    expect(told(talk, 'tool_list_cost')).toEqual([
      expect.stringMatching(/^2 tools take 42\d{3} bytes, about 10\d{3} tokens$/),
    ]);
  });

  it('is not raised for a small list that is asked for again and again', () => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2, 3]) {
      talk.client.asks(id, 'tools/list');
      talk.server.answers(id, { tools: [tool('a', { description })] });
    }
    expect(talk.findings()).toEqual([]);
  });
});

describe('repeated_failure', () => {
  const fails = (talk: Conversation, id: number, args: object): void => {
    calls(talk, id, 'read', args);
    talk.server.answers(id, failed('no such file'));
  };

  it('is raised once where a tool fails three times in a row with equal arguments', () => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2, 3, 4]) {
      fails(talk, id, { path: '/a' });
      calls(talk, 10 + id, 'other');
      talk.server.answers(10 + id, {});
    }
    expect(told(talk, 'repeated_failure')).toEqual(['read: 3 failures in a row with the same arguments']);
  });

  it('is raised whatever the order of the arguments is', () => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2, 3]) fails(talk, id, id === 2 ? { b: 2, a: 1 } : { a: 1, b: 2 });
    expect(talk.findings()).toEqual(['repeated_failure']);
  });

  it('is raised for protocol errors as well', () => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2, 3]) {
      calls(talk, id, 'read');
      talk.server.fails(id, -32_602);
    }
    expect(talk.findings()).toEqual(['repeated_failure']);
  });

  it('is not raised where something was changed or went well in between, or all were asked at once', () => {
    const changed = new Conversation().initialized();
    for (const [id, path] of ['/a', '/a', '/b', '/a', '/a'].entries()) fails(changed, id, { path });
    const well = new Conversation().initialized();
    for (const id of [1, 2]) fails(well, id, {});
    calls(well, 3, 'read', {});
    well.server.answers(3, {});
    fails(well, 4, {});
    const atOnce = new Conversation().initialized();
    for (const id of [1, 2, 3]) calls(atOnce, id, 'read', {});
    for (const id of [1, 2, 3]) atOnce.server.answers(id, failed('no'));
    const url = new Conversation().initialized();
    for (const id of [1, 2, 3]) {
      calls(url, id, 'read');
      url.server.fails(id, -32_042);
    }
    for (const talk of [changed, well, atOnce, url]) expect(talk.findings()).toEqual([]);
  });
});

describe('hidden_protocol_error', () => {
  it.each([
    ['MCP error -32602: Tool x not found', 'x: MCP error -32602'],
    ['MCP error -32042: later', 'x: MCP error -32042'],
    ['got code -32603 from upstream', 'x: -32603'],
  ])('is raised once for %s', (text, detail) => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2]) {
      calls(talk, id, 'x', { id });
      talk.server.answers(id, failed(text));
    }
    expect(told(talk, 'hidden_protocol_error')).toEqual([detail]);
  });

  it('is not raised for other numbers, nor for a result that is no failure', () => {
    const talk = new Conversation().initialized();
    for (const [id, text] of ['balance is -326020', 'version 1-32602', '-32602.5'].entries()) {
      calls(talk, id, 'x', { id });
      talk.server.answers(id, failed(text));
    }
    calls(talk, 10, 'x');
    talk.server.answers(10, { ...failed('MCP error -32602: as documented'), isError: false });
    expect(talk.findings()).toEqual([]);
  });
});

describe('unanswered_elicitation', () => {
  const asks = (talk: Conversation): void => {
    talk.server.asks('q', 'elicitation/create', { message: 'Which colour?' });
  };
  const opened = (): Conversation => {
    const talk = new Conversation();
    talk.client.asks('init', 'initialize', { capabilities: { elicitation: {} } });
    talk.server.answers('init', { protocolVersion: '2025-11-25', capabilities: { tools: {} } });
    return talk;
  };

  it('is raised where the server gives up, and where the session ends', () => {
    const cancelled = opened();
    asks(cancelled);
    cancelled.server.cancels('q', 'timed out');
    const ended = opened();
    asks(ended);
    ended.ends();
    expect(told(cancelled.ends(), 'unanswered_elicitation')).toEqual([
      'cancelled by the server: Which colour?',
    ]);
    expect(told(ended, 'unanswered_elicitation')).toEqual(['open when the session ended: Which colour?']);
  });

  it('is not raised for any answer, nor where it may be among copies that were lost', () => {
    const answered = opened();
    asks(answered);
    answered.client.answers('q', { action: 'cancel' });
    const refused = opened();
    asks(refused);
    refused.client.fails('q', -1);
    const lost = opened();
    asks(lost);
    lost.tracker.gap({ channel: 'client_to_server', atUs: lost.now(), chunks: 1, bytes: 1 });
    for (const talk of [answered, refused, lost]) expect(talk.ends().findings()).toEqual([]);
  });
});

describe('hung_operation', () => {
  const MINUTE_US = 60_000_000;
  const waits = (talk: Conversation, minutes: number): void => {
    talk.passes(minutes * MINUTE_US);
    talk.tracker.sweep(talk.now());
  };

  it('is raised once for each target of which nothing was heard for five minutes, in both directions', () => {
    const talk = new Conversation().initialized();
    for (const [id, name] of ['stuck', 'stuck', 'other'].entries()) calls(talk, id, name);
    talk.server.asks(0, 'ping');
    waits(talk, 4);
    expect(talk.findings()).toEqual([]);
    for (const minutes of [1, 10]) waits(talk, minutes);
    expect(told(talk, 'hung_operation')).toEqual([
      'tools/call stuck: nothing for 300 s',
      'tools/call other: nothing for 300 s',
      'ping: nothing for 300 s',
    ]);
  });

  it('counts from where it was heard of last', () => {
    const talk = new Conversation().initialized();
    talk.client.calls(1, 'slow', { progressToken: 1 });
    waits(talk, 4);
    talk.server.notifies('notifications/progress', { progressToken: 1, progress: 1 });
    waits(talk, 4);
    expect(talk.findings()).toEqual([]);
    waits(talk, 1);
    expect(talk.findings()).toEqual(['hung_operation']);
  });

  it('is not raised while a person may be asked, for a retry that has just come, nor after a loss', () => {
    const asked = new Conversation().initialized();
    calls(asked, 1, 'ask');
    asked.server.asks(0, 'sampling/createMessage');
    const retried = new Conversation();
    retried.client.calls(1, 'ask', MODERN_META);
    retried.server.answers(1, { resultType: 'input_required', requestState: 's' });
    retried.passes(10 * MINUTE_US);
    retried.client.asks(2, 'tools/call', {
      name: 'ask',
      arguments: {},
      requestState: 's',
      _meta: MODERN_META,
    });
    const lost = new Conversation().initialized();
    calls(lost, 1, 'lost');
    lost.tracker.gap({ channel: 'server_to_client', atUs: lost.now(), chunks: 1, bytes: 1 });
    waits(asked, 60);
    waits(retried, 1);
    waits(lost, 60);
    for (const talk of [asked, retried, lost]) expect(talk.findings()).toEqual([]);
  });
});

describe('forbidden_server_request', () => {
  it('is raised once for each method, to a client of 2026-07-28', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't', MODERN_META);
    for (const [id, method] of ['ping', 'ping', 'roots/list'].entries()) talk.server.asks(id, method);
    expect(talk.findings()).toEqual(['forbidden_server_request', 'forbidden_server_request']);
    expect(told(talk, 'forbidden_server_request')).toEqual([
      'ping, to a client of 2026-07-28',
      'roots/list, to a client of 2026-07-28',
    ]);
  });

  it('is raised over HTTP where the request came on the exchange of such a client', () => {
    const talk = new Conversation({ transport: 'http' });
    const post = talk.exchange();
    post.client.calls(1, 't', MODERN_META);
    post.server.asks(0, 'ping');
    const older = talk.exchange();
    older.client.calls(1, 't');
    older.server.asks(1, 'roots/list');
    expect(told(talk, 'forbidden_server_request')).toEqual(['ping, to a client of 2026-07-28']);
  });

  it('is not raised in an older revision, also after a probe', () => {
    const talk = new Conversation();
    talk.client.asks(0, 'server/discover', { _meta: MODERN_META });
    talk.server.fails(0, -32_601);
    talk.initialized().server.asks(1, 'ping');
    expect(talk.findings()).toEqual([]);
  });
});

describe('undeclared_capability', () => {
  it('is raised once for what the client did not declare', () => {
    const talk = new Conversation().initialized();
    for (const id of [1, 2]) talk.server.asks(id, 'roots/list');
    talk.server.asks(3, 'sampling/createMessage');
    expect(told(talk, 'undeclared_capability')).toEqual([
      'roots/list needs roots; the client declared sampling',
    ]);
  });

  it('is raised once for what the server did not declare', () => {
    const talk = new Conversation().initialized();
    talk.client.asks(1, 'resources/list');
    talk.client.asks(2, 'resources/read', { uri: 'file:///a' });
    talk.client.asks(3, 'completion/complete');
    talk.client.asks(4, 'logging/setLevel', { level: 'info' });
    expect(told(talk, 'undeclared_capability')).toEqual([
      'resources/list needs resources; the server declared tools, logging',
      'completion/complete needs completions; the server declared tools, logging',
    ]);
  });

  it('is raised by what a request of 2026-07-28 declares itself, and by the discovery', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'server/discover', { _meta: MODERN_META });
    talk.server.answers(1, { capabilities: {} });
    talk.client.asks(2, 'prompts/get', { name: 'p', _meta: { ...MODERN_META, [CAPABILITIES]: {} } });
    talk.server.answers(2, {
      resultType: 'input_required',
      inputRequests: { q: { method: 'elicitation/create', params: {} } },
    });
    expect(told(talk, 'undeclared_capability')).toEqual([
      'prompts/get needs prompts; the server declared nothing',
      'elicitation/create needs elicitation; the client declared nothing',
    ]);
  });

  it('is not raised where it was declared, or nothing is known, or the revision had no word for it', () => {
    const declared = new Conversation();
    declared.client.calls(1, 't', MODERN_META);
    declared.server.answers(1, {
      resultType: 'input_required',
      inputRequests: { q: { method: 'elicitation/create' } },
    });
    const unknown = new Conversation();
    unknown.client.asks(1, 'prompts/list');
    unknown.server.asks(1, 'roots/list');
    const old = new Conversation().initialized('2024-11-05');
    old.client.asks(1, 'completion/complete');
    for (const talk of [declared, unknown, old]) expect(talk.findings()).toEqual([]);
  });
});

describe('deprecated_feature', () => {
  it('is raised once for each that is in use, with what takes its place', () => {
    const talk = new Conversation();
    const _meta = {
      ...MODERN_META,
      [CAPABILITIES]: { roots: {}, sampling: {} },
      'io.modelcontextprotocol/logLevel': 'info',
    };
    for (const id of [1, 2]) {
      talk.client.calls(id, 't', _meta);
      talk.server.answers(id, {
        resultType: 'input_required',
        inputRequests: {
          r: { method: 'roots/list' },
          s: { method: 'sampling/createMessage', params: { includeContext: 'thisServer' } },
        },
      });
    }
    expect(told(talk, 'deprecated_feature').map((detail) => detail.split(';')[0])).toEqual([
      'logging',
      'roots',
      'sampling',
      'includeContext',
    ]);
    expect(told(talk, 'deprecated_feature')[0]).toBe('logging; instead: stderr on stdio, and OpenTelemetry');
  });

  it('is raised for HTTP+SSE', () => {
    const talk = new Conversation({ transport: 'http' });
    for (const id of [1, 2]) talk.exchange({ legacySse: true }).client.asks(id, 'ping');
    expect(told(talk, 'deprecated_feature')).toEqual(['HTTP+SSE; instead: Streamable HTTP']);
  });

  it('is not raised in the revisions that have it, but for includeContext in 2025-11-25', () => {
    const older = new Conversation().initialized('2025-06-18');
    const newer = new Conversation().initialized('2025-11-25');
    for (const talk of [older, newer]) {
      talk.client.asks(1, 'logging/setLevel', { level: 'info' });
      talk.server.asks(1, 'sampling/createMessage', { includeContext: 'none' });
      talk.server.asks(2, 'sampling/createMessage', { includeContext: 'allServers' });
    }
    expect(older.findings()).toEqual([]);
    expect(told(newer, 'deprecated_feature')).toEqual(['includeContext; instead: none, or nothing']);
  });

  it('is not raised for what is only declared', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't', { ...MODERN_META, [CAPABILITIES]: { roots: {}, sampling: {} } });
    expect(talk.findings()).toEqual([]);
  });
});

describe('session_id_misuse', () => {
  it('is raised once for ids in 2026-07-28', () => {
    const talk = new Conversation({ transport: 'http' });
    for (const id of [1, 2]) talk.exchange({ hasSessionId: true }).client.calls(id, 't', MODERN_META);
    expect(told(talk, 'session_id_misuse')).toEqual(['tools/call of 2026-07-28 with Mcp-Session-Id']);
  });

  it('is raised once where the server refuses a request for lack of one', () => {
    const talk = new Conversation({ transport: 'http' });
    for (const id of [1, 2]) {
      const post = talk.exchange();
      post.client.asks(id, 'tools/list');
      post.responds(400);
      post.server.fails(undefined, -32_000, 'Bad Request: Mcp-Session-Id header is required');
    }
    expect(told(talk, 'session_id_misuse')).toEqual([
      'status 400 to a request without Mcp-Session-Id: Bad Request: Mcp-Session-Id header is required',
    ]);
  });

  it('is not raised for an id in an older revision, whatever is said of it, nor for another refusal', () => {
    const talk = new Conversation({ transport: 'http' });
    const known = talk.exchange({ hasSessionId: true });
    known.client.asks(1, 'tools/list');
    known.responds(400);
    known.server.fails(1, -32_000, 'Bad Request: unknown session id');
    const other = talk.exchange();
    other.client.asks(1, 'tools/list');
    other.responds(400);
    other.server.fails(1, -32_600, 'Bad Request: no');
    expect(talk.findings()).toEqual([]);
  });
});

describe('what is told', () => {
  it('is redacted and on one line', () => {
    const talk = new Conversation({ redact: (text) => text.replaceAll('secret', '***') }).initialized();
    talk.client.asks(1, 'tools/list');
    talk.server.answers(1, { tools: [tool('a\nsecret')] });
    expect(told(talk, 'schema_hard_for_clients')).toEqual(['a ***: a name outside [A-Za-z0-9_-]{1,64}']);
  });

  it('has a bound, and says so', () => {
    const talk = talkWith();
    for (let id = 0; id < 1100; id++) calls(talk, id, `made-up-${id}`);
    expect(told(talk, 'unlisted_tool')).toHaveLength(1000);
    expect(told(talk, 'tracking_overflow')).toEqual(['1000 findings of checks']);
  });
});
