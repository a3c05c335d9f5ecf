import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readCase } from '../../src/replay/case.ts';
import { casesOf, type ImportedCases } from '../../src/replay/recorderScenarios.ts';

const FILE = `
schema_version: "1.0"
target: https://mcp.example.com
redact:
  server_url: false
scenarios:
  every_action:
    description: all that there is
    actions:
      - list_tools
      - list_prompts
      - list_resources
      - call_tool:
          name: add
          arguments: { a: 3, key: "\${KEY}", mode: "\${MODE:-plain}" }
      - get_prompt:
          name: greet
      - read_resource:
          uri: note://one
  second:
    actions: [list_tools]
`;
const read = (text: string, env: Record<string, string> = { KEY: 'k' }, allow?: ReadonlySet<string>) =>
  casesOf(parse(text), { env, allow });

function imported(found: ReturnType<typeof casesOf>): ImportedCases {
  if ('problem' in found) throw new Error(found.problem);
  return found;
}

describe('scenarios of mcp-recorder', () => {
  test('become cases: a step for each action, one after the other, and nothing is expected yet', () => {
    const { cases, notes } = imported(read(FILE));
    expect(cases.map(({ name }) => name)).toEqual(['every_action', 'second']);
    expect(notes).toEqual(['the values of KEY are in the cases']);
    const [first] = cases;
    expect(first).toMatchObject({ server: { url: 'https://mcp.example.com/mcp' }, allow: ['add'] });
    expect(first?.steps.map(({ method, params }) => [method, params])).toEqual([
      ['tools/list', undefined],
      ['prompts/list', undefined],
      ['resources/list', undefined],
      ['tools/call', { name: 'add', arguments: { a: 3, key: 'k', mode: 'plain' } }],
      ['prompts/get', { name: 'greet', arguments: {} }],
      ['resources/read', { uri: 'note://one' }],
    ]);
    expect(first?.steps.map(({ after }) => after)).toEqual([undefined, [0], [1], [2], [3], [4]]);
    for (const one of cases) expect(readCase(structuredClone(one))).not.toHaveProperty('problem');
  });

  test('allow no tool that nobody allowed', () => {
    expect(imported(read(FILE, { KEY: 'k' }, new Set(['other']))).cases[0]).not.toHaveProperty('allow');
  });

  test('keep the command of a server on stdio, and leave out its environment', () => {
    const target = '{ command: node, args: [server.js], cwd: /srv, env: { TOKEN: "s3cret" } }';
    const { cases, notes } = imported(read(FILE.replace('https://mcp.example.com', target)));
    expect(cases[0]?.server).toEqual({ command: ['node', 'server.js'], cwd: '/srv' });
    expect(notes).toContain('TOKEN of the target are not in the cases: set them for sidelight test');
    expect(JSON.stringify(cases)).not.toContain('s3cret');
  });

  test.each([
    [FILE, {}, /no variable KEY in the environment/],
    [FILE.replace('"1.0"', '"2.0"'), undefined, /schema_version 2\.0 is not known; 1\.x is read/],
    [FILE.replace('https:', 'ftp:'), undefined, /\$\.target: "ftp:.* is not an http or https URL/],
    [
      FILE.replace('- list_prompts', '- drop_table'),
      undefined,
      /\$\.scenarios\.every_action\.actions\[1\]: expected an action: list_tools/,
    ],
    ['scenarios: {}', undefined, /\$\.target/],
    ['{ version: "1.0", interactions: [] }', undefined, /it is a cassette.*sidelight import/],
    ['just text', undefined, /\$/],
  ])('that are wrong are told in one line: %#', (text, env, line) => {
    const found = read(text, env);
    expect(found).toHaveProperty('problem');
    expect('problem' in found && found.problem).toMatch(line);
    expect('problem' in found && found.problem).not.toContain('\n');
  });

  test('of any content never throw, and what is made of them can be read', () => {
    const action = fc.oneof(
      fc.constantFrom('list_tools', 'x'),
      fc.record({
        call_tool: fc.record({ name: fc.string(), arguments: fc.dictionary(fc.string(), fc.jsonValue()) }),
      }),
      fc.jsonValue(),
    );
    const written = fc.record({
      target: fc.oneof(fc.webUrl(), fc.jsonValue(), fc.record({ command: fc.string() })),
      scenarios: fc.oneof(
        fc.dictionary(fc.string(), fc.record({ actions: fc.array(action) })),
        fc.jsonValue(),
      ),
    });
    fc.assert(
      fc.property(fc.oneof(written, fc.jsonValue()), (value) => {
        const found = casesOf(value, { env: {}, allow: undefined });
        if ('problem' in found) expect(found.problem).not.toBe('');
        else
          for (const one of found.cases) expect(readCase(structuredClone(one))).not.toHaveProperty('problem');
      }),
    );
  });
});
