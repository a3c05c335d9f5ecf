import { describe, expect, it } from 'vitest';
import { Conversation, MODERN_META } from '../track/conversation.ts';

/**
 * A client and a server that know which requests are one call, in random interleavings: calls that ask for input with
 * a state, with the same state for all, or with none; equal calls at the same time; cancels, errors, tasks, and copies that
 * are lost. What Sidelight makes one operation must be one call: unlinked is allowed where the truth is ambiguous, a wrong
 * link never is.
 */
const RUNS = 100_000;
const STEPS = 14;

type StateOf = 'own' | 'shared' | 'none';
interface Call {
  readonly number: number;
  readonly name: string;
  readonly args: object;
  readonly states: StateOf;
  /** Of its requests, in order. */
  readonly requests: number[];
  /** What it waits for. */
  phase: 'answer' | 'input' | 'task' | 'over';
  state: string | undefined;
  keys: readonly string[];
}

/** Seeded, small, and the same everywhere (mulberry32). */
function random(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Played {
  readonly talk: Conversation;
  readonly calls: readonly Call[];
  readonly script: readonly string[];
  readonly lost: boolean;
}

function play(seed: number, withLoss: boolean): Played {
  const pick = random(seed);
  const talk = new Conversation();
  const calls: Call[] = [];
  /** By request id. */
  const script: string[] = [];
  let ids = 0;
  let lost = false;
  const say = (channel: 'client_to_server' | 'server_to_client', message: object): void => {
    const isLost = withLoss && pick(12) === 0;
    script.push(`${isLost ? 'LOST ' : ''}${channel} ${JSON.stringify(message)}`);
    if (!isLost) {
      talk.say(channel, { jsonrpc: '2.0', ...message });
      return;
    }
    lost = true;
    talk.tracker.gap({ channel, atUs: talk.now(), chunks: 1, bytes: 1 });
  };
  const request = (call: Call, method: string, params: object): number => {
    const id = (ids += 1);
    call.requests.push(id);
    say('client_to_server', { id, method, params: { ...params, _meta: MODERN_META } });
    return id;
  };
  const start = (): void => {
    const call: Call = {
      number: calls.length,
      name: ['a', 'b'][pick(2)] ?? 'a',
      args: pick(2) === 0 ? { x: 1 } : { x: 2 },
      states: (['own', 'shared', 'none'] as const)[pick(3)] ?? 'own',
      requests: [],
      phase: 'answer',
      state: undefined,
      keys: [],
    };
    calls.push(call);
    request(call, 'tools/call', { name: call.name, arguments: call.args });
  };
  const answer = (call: Call): void => {
    const id = call.requests.at(-1);
    const how = pick(6);
    if (how < 3) {
      call.phase = 'input';
      call.state =
        call.states === 'none'
          ? undefined
          : call.states === 'own'
            ? `a state of its own: ${call.number}.${id}`
            : 'same';
      call.keys = pick(2) === 0 ? ['k'] : ['k', 'l'];
      const inputRequests = Object.fromEntries(call.keys.map((key) => [key, { method: 'roots/list' }]));
      const { state } = call;
      say('server_to_client', {
        id,
        result: { resultType: 'input_required', inputRequests, ...(state && { requestState: state }) },
      });
      return;
    }
    if (how === 3) {
      call.phase = 'task';
      const handle = { resultType: 'task', taskId: `t${call.number}`, status: 'working' };
      say('server_to_client', { id, result: handle });
      return;
    }
    call.phase = 'over';
    if (how === 4) say('server_to_client', { id, error: { code: -32_603, message: 'no' } });
    else say('server_to_client', { id, result: { resultType: 'complete', content: [] } });
  };
  const retry = (call: Call): void => {
    const { state, name, args, keys } = call;
    const inputResponses = Object.fromEntries(keys.map((key) => [key, {}]));
    call.phase = 'answer';
    request(call, 'tools/call', {
      name,
      arguments: args,
      inputResponses,
      ...(state && { requestState: state }),
    });
  };
  const ask = (call: Call): void => {
    const taskId = `t${call.number}`;
    const id = request(call, 'tasks/get', { taskId });
    const isOver = pick(2) === 0;
    if (isOver) call.phase = 'over';
    const status = isOver ? { status: 'completed', result: { content: [] } } : { status: 'working' };
    say('server_to_client', { id, result: { resultType: 'complete', taskId, ...status } });
  };
  for (let step = 0; step < STEPS; step += 1) {
    const open = calls.filter(({ phase }) => phase !== 'over');
    const call = open[pick(open.length + 2)];
    if (call === undefined) start();
    else if (call.phase === 'input') retry(call);
    else if (call.phase === 'task') ask(call);
    else if (pick(8) === 0) {
      call.phase = 'over';
      say('client_to_server', {
        method: 'notifications/cancelled',
        params: { requestId: call.requests.at(-1) },
      });
    } else answer(call);
  }
  talk.ends();
  return { talk, calls, script, lost };
}

/** What is wrong, in a line; undefined when nothing is. */
function wrongIn({ talk, calls, lost }: Played): string | undefined {
  const callOf = new Map(calls.flatMap((call) => call.requests.map((id) => [id, call] as const)));
  const seen = new Set<number>();
  for (const { operationId, legs, method } of talk.finished()) {
    const [first] = legs.map(({ requestId }) => callOf.get(requestId as number));
    for (const { requestId } of legs) {
      if (callOf.get(requestId as number) !== first) return `operation ${operationId} is of two calls`;
      if (seen.has(requestId as number)) return `request ${String(requestId)} is in two operations`;
      seen.add(requestId as number);
    }
    if (lost || first?.states !== 'own' || method !== 'tools/call') continue;
    const own = first.requests.filter((id) => !isPoll(talk, id));
    if (legs.length !== own.length) return `operation ${operationId} is not the whole call, which is certain`;
  }
  const started = talk.of('operation_started').length;
  if (started !== talk.finished().length) return 'not every operation that started finished once';
  if (lost) return undefined;
  for (const id of callOf.keys())
    if (!seen.has(id) && !isPoll(talk, id)) return `request ${id} is in no operation`;
  return undefined;
}

function isPoll(talk: Conversation, id: number): boolean {
  return polls.get(talk)?.has(id) === true;
}

/** Requests about tasks have no leg of their own. */
const polls = new WeakMap<Conversation, Set<number>>();

function played(seed: number, withLoss: boolean): Played {
  const one = play(seed, withLoss);
  const asked = one.script.flatMap((line) => {
    const [, id] = /"id":(\d+),"method":"tasks/.exec(line) ?? [];
    return id === undefined ? [] : [Number(id)];
  });
  polls.set(one.talk, new Set(asked));
  return one;
}

describe('calls of several round trips', () => {
  const from = Number(process.env.SIDELIGHT_TEST_SEED ?? Date.now() % 1_000_000_000);

  it.each([
    ['every message was seen', false],
    ['copies were lost', true],
  ])(
    'are never linked wrongly, and always where it is certain: %s',
    (_what, withLoss) => {
      console.log(`seed ${from}`);
      for (let run = 0; run < RUNS / 2; run += 1) {
        const one = played(from + run, withLoss);
        const wrong = wrongIn(one);
        if (wrong !== undefined) {
          expect.fail(`seed ${from + run}: ${wrong}\n${one.script.join('\n')}`);
        }
      }
    },
    240_000,
  );
});
