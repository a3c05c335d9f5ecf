/** A server that is changed in one respect is found out at the step where it first differs, and one that is not changed never. */
import { expect, it } from 'vitest';
import { judge, type StepVerdict, type Verdict } from '../../src/replay/judge.ts';
import { pathText } from '../../src/replay/paths.ts';
import type { Server } from '../../src/replay/target.ts';
import { again, lastPlan, learnt, recorded } from './again.ts';
import { keepsNotes } from './notes.ts';
import { server } from './sidelight.ts';

const FILE = server('keeps-notes.mjs');
const NOTES: Server = { command: process.execPath, args: [FILE], cwd: process.cwd() };
const UNCHANGED_RUNS = 50;
/** A server that hangs costs so long; the others take the time that they need. */
const HUNG_MS = 2000;
/** Two cores. */
const AT_A_TIME = 2;

/** What is changed (`BROKEN`), the step that tells it first, and how. */
const CHANGES: Readonly<Record<string, string>> = {
  tool_gone: '0 tools/list: length $.tools',
  schema: '0 tools/list: missing $.tools[5].inputSchema.properties.steps',
  described: '0 tools/list: added $.tools[0].description',
  value: '1 add_note: value $.content[0].text.text',
  missing: '1 add_note: missing $.content[0].text.tags',
  type: '1 add_note: type $.content[0].text.size',
  null: '1 add_note: type $.content[0].text.size',
  extra: '1 add_note: added $.content[0].text.debug',
  order: '1 add_note: value $.content[0].text.tags[0]',
  length: '1 add_note: length $.content[0].text.tags',
  nested: '1 add_note: missing $.content[0].text.id',
  number: '1 add_note: value $.content[0].text.size',
  empty: '1 add_note: missing $.content[0].text.id',
  crash: '3 get_note: ok, now server_ended',
  killed: '3 get_note: ok, now server_ended',
  hung: '3 get_note: ok, now unanswered',
  forgets: '3 get_note: ok, now error -32602',
  is_error: '3 get_note: ok, now tool_error',
  no_content: '3 get_note: length $.content',
  kind: '3 get_note: value $.content[0].type',
  two: '3 get_note: length $.content',
  prose: '3 get_note: value $.content[0].text',
  structured: '3 get_note: added $.structuredContent',
  unknown_tool: '3 get_note: ok, now error -32602',
  silent: '5 work: notifications/progress is missing',
  off_by_one: '5 work: value $.content[0].text.steps',
  words: '6 delete_note: value $.content[0].text',
  undead: '7 get_note: error -32602, now ok',
  code: '8 fail: error -32050, now error -32000',
  message: '8 fail: value $.message',
  data: '8 fail: added $.data',
  ok: '8 fail: error -32050, now ok',
  error_in_result: '8 fail: error -32050, now tool_error',
};

it(
  'each of many changes is told at its step, and none in 50 runs of the server as it was',
  { timeout: 120_000 },
  async () => {
    const plan = await lastPlan(await recorded([process.execPath, FILE], keepsNotes));
    const judging = await learnt(plan, 'semantic', () => again(plan, NOTES));
    const first = async (changed: string | undefined): Promise<string> => {
      const env = { ...process.env, BROKEN: changed };
      return toldBy(judge(await again(plan, NOTES, env, changed === 'hung' ? HUNG_MS : undefined), judging));
    };
    const told: Record<string, string> = {};
    const waiting = [
      ...Object.keys(CHANGES),
      ...Array.from({ length: UNCHANGED_RUNS }, (_, run) => `unchanged ${run}`),
    ];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        told[next] = await first(next in CHANGES ? next : undefined);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    const unchanged = Object.entries(told).filter(([name]) => name.startsWith('unchanged'));
    expect(unchanged.filter(([, what]) => what !== 'reproduced')).toEqual([]);
    expect(unchanged).toHaveLength(UNCHANGED_RUNS);
    expect(Object.fromEntries(Object.entries(told).filter(([name]) => name in CHANGES))).toEqual(CHANGES);

    const slow = judge(await again(plan, NOTES, { ...process.env, BROKEN: 'slow' }), {
      ...judging,
      maxSlowdown: 10,
    });
    expect(toldBy(slow)).toBe('reproduced');
    expect(slow.slower.map(nameOf)).toEqual(
      expect.arrayContaining(['3 get_note', '4 get_note', '7 get_note']),
    );
  },
);

function toldBy({ reproduced, first }: Verdict): string {
  if (first === undefined) return reproduced ? 'reproduced' : 'the server ended';
  const [difference] = first.differences;
  const how =
    first.expected !== first.actual
      ? `${first.expected}, now ${first.actual}`
      : difference === undefined
        ? `${first.missingNotifications.join()} is missing`
        : `${difference.kind} ${pathText(difference.path)}`;
  return `${nameOf(first)}: ${how}`;
}

function nameOf({ live }: StepVerdict): string {
  const { index, method, target } = live.planned.step;
  return `${index} ${target ?? method}`;
}
