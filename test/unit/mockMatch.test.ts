import { describe, expect, it } from 'vitest';
import { type FaultRule, Faults, parseFault } from '../../src/replay/mock/fault.ts';
import { Matcher, type Match, type Strategy } from '../../src/replay/mock/match.ts';
import { fits } from '../../src/replay/mock/placeholders.ts';
import type { Script } from '../../src/replay/mock/script.ts';
import { asks, answers, called, HANDSHAKE, script } from './mockScripts.ts';
import type { Said } from './recordings.ts';

const matcher = ({ cues }: Script, strategy: Strategy = 'queue', repeatLast = false): Matcher =>
  new Matcher(cues, { strategy, repeatLast });

/** The text of the answer, or why there is none. */
function said(match: Match): unknown {
  if (match.is === 'missed') return match.miss.reason;
  const answer = match.cue.happenings.find((one) => one.is === 'answer');
  const result = answer?.message.result as { content?: { text: string }[] } | undefined;
  return result?.content?.[0]?.text ?? result;
}

const call = (of: Matcher, name: string, args: object): unknown =>
  said(of.request('tools/call', { name, arguments: args }));

const TALK: readonly Said[] = [
  ...HANDSHAKE,
  ...called(1, 'add', { a: 1, b: 2 }, 'first'),
  ...called(2, 'list', {}, 'listed'),
  ...called(3, 'add', { b: 2, a: 1 }, 'second'),
  ...called(4, 'add', { a: 5, b: 5 }, 'ten'),
];

describe('queue', () => {
  it('gives the recorded answers of equal requests in their order, then says that they are used up', async () => {
    const of = matcher(await script(TALK));
    expect(call(of, 'add', { b: 2, a: 1 })).toBe('first');
    expect(call(of, 'add', { a: 5, b: 5 })).toBe('ten');
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('second');
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('its 2 recorded answers are used up');
    expect(call(of, 'list', {})).toBe('listed');
    expect(call(of, 'list', {})).toBe('its one recorded answer is used up');
  });

  it('gives the last one again with repeatLast', async () => {
    const of = matcher(await script(TALK), 'queue', true);
    const told = [1, 2, 3, 4].map(() => call(of, 'add', { a: 1, b: 2 }));
    expect(told).toEqual(['first', 'second', 'second', 'second']);
  });

  it('takes no notice of _meta', async () => {
    const of = matcher(await script(TALK));
    const params = { name: 'list', arguments: {}, _meta: { progressToken: 9, traceparent: 'other' } };
    expect(said(of.request('tools/call', params))).toBe('listed');
  });

  it('explains the closest of the same target, unused ones first', async () => {
    const of = matcher(await script(TALK));
    call(of, 'add', { a: 1, b: 2 });
    const match = of.request('tools/call', { name: 'add', arguments: { a: 1, b: 3 } });
    expect(match).toMatchObject({
      is: 'missed',
      miss: {
        reason: 'it is not recorded with these params',
        closest: { seq: 7 },
        differences: [{ path: ['arguments', 'b'], expected: 2, actual: 3 }],
      },
    });
    expect(of.request('no/such', {})).toMatchObject({
      miss: { reason: 'nothing of this method is recorded', closest: undefined },
    });
  });

  it('lets a request be asked again whose answer was released', async () => {
    const of = matcher(await script(TALK));
    const match = of.request('tools/call', { name: 'list', arguments: {} });
    if (match.is === 'found') of.release(match.cue);
    expect(call(of, 'list', {})).toBe('listed');
  });
});

describe('best', () => {
  it('answers from the closest of the same target, and from none of another', async () => {
    const of = matcher(await script(TALK), 'best');
    expect(call(of, 'add', { a: 5, b: 6 })).toBe('ten');
    expect(call(of, 'remove', { a: 5, b: 5 })).toBe('it is not recorded with these params');
  });

  it('prefers what is equal', async () => {
    const of = matcher(await script(TALK), 'best');
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('first');
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('second');
    // Nothing equal is left: the closest that is.
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('ten');
    expect(call(of, 'add', { a: 1, b: 2 })).toBe('its 2 recorded answers are used up');
  });
});

describe('strict', () => {
  it('takes requests in the recorded order only, and names what comes next', async () => {
    const of = matcher(await script(TALK), 'strict');
    expect(call(of, 'list', {})).toBe('out of order: the recording goes on with tools/call add (#3)');
    const args = { a: 1, b: 2 };
    expect([call(of, 'add', args), call(of, 'list', {}), call(of, 'add', args)]).toEqual([
      'first',
      'listed',
      'second',
    ]);
  });

  it('lets what overlapped come in any order', async () => {
    const talk: readonly Said[] = [
      ...HANDSHAKE,
      asks(1, 'tools/call', { name: 'slow' }),
      asks(2, 'tools/call', { name: 'fast' }),
      answers(2, { content: [{ type: 'text', text: 'fast' }] }),
      answers(1, { content: [{ type: 'text', text: 'slow' }] }),
    ];
    const of = matcher(await script(talk), 'strict');
    expect(said(of.request('tools/call', { name: 'fast' }))).toBe('fast');
    expect(said(of.request('tools/call', { name: 'slow' }))).toBe('slow');
  });
});

describe('a call that asks for input', () => {
  const version = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  const params = (more: object = {}): object => ({
    name: 'book',
    arguments: { to: 'Oslo' },
    ...more,
    _meta: version,
  });
  const given = (seat: string): object => ({
    inputResponses: { seat: { action: 'accept', content: { seat } } },
  });
  const talk: readonly Said[] = [
    asks(1, 'tools/call', params()),
    answers(1, { resultType: 'input_required', requestState: 'state one', inputRequests: {} }),
    asks(2, 'tools/call', params({ ...given('12A'), requestState: 'state one' })),
    answers(2, { resultType: 'input_required', requestState: 'state two', inputRequests: {} }),
    asks(3, 'tools/call', params({ ...given('meal'), requestState: 'state two' })),
    answers(3, { resultType: 'complete', content: [{ type: 'text', text: 'booked' }] }),
  ];
  const ask = (of: Matcher, more: object = {}): Match => of.request('tools/call', params(more));

  it('goes from round to round with the state that each was given', async () => {
    const of = matcher(await script(talk));
    expect(said(ask(of))).toMatchObject({ requestState: 'state one' });
    expect(said(ask(of, { ...given('12A'), requestState: 'state one' }))).toMatchObject({
      requestState: 'state two',
    });
    expect(said(ask(of, { ...given('meal'), requestState: 'state two' }))).toBe('booked');
  });

  it('takes another input, and says what differs', async () => {
    const of = matcher(await script(talk));
    ask(of);
    expect(ask(of, { ...given('1F'), requestState: 'state one' })).toMatchObject({
      is: 'found',
      differences: [{ path: ['seat', 'content', 'seat'], expected: '12A', actual: '1F' }],
    });
  });

  it('refuses a state that it did not give, and a retry of what was not asked', async () => {
    const of = matcher(await script(talk));
    const early = ask(of, { ...given('12A'), requestState: 'state one' });
    expect(said(early)).toBe('it answers a question that was not asked');
    ask(of);
    const forged = ask(of, { ...given('12A'), requestState: 'state two' });
    expect(said(forged)).toBe('its requestState is not the one that was given');
  });

  it('does not take a retry for a call, nor a call for a retry', async () => {
    const of = matcher(await script(talk));
    ask(of);
    expect(said(ask(of))).toBe('its one recorded answer is used up');
  });
});

describe('placeholders', () => {
  it('stand for any text, between what was left of it', () => {
    const mark = '[redacted:api_key:abcdef012345]';
    expect(fits({ key: mark, n: 1 }, { key: 'sk-secret', n: 1 })).toBe(true);
    expect(fits(`Bearer ${mark}!`, 'Bearer xyz!')).toBe(true);
    expect(fits(`Bearer ${mark}!`, 'Basic xyz!')).toBe(false);
    expect(fits({ key: mark, n: 1 }, { key: 'sk-secret', n: 2 })).toBe(false);
    expect(fits([mark], ['a', 'b'])).toBe(false);
  });
});

describe('a fault', () => {
  it.each([
    ['drop', { kind: 'drop', tool: undefined, probability: 1, after: 0 }],
    ['error:tool=add,p=0.25,after=3', { kind: 'error', tool: 'add', probability: 0.25, after: 3 }],
    ['delay:p95=2s', { kind: 'delay', p95Ms: 2000 }],
    ['delay,p95=1.5m', { kind: 'delay', p95Ms: 90_000 }],
  ])('is read from %s', (written, rule) => {
    expect(parseFault(written)).toMatchObject(rule);
  });

  it.each([
    ['explode', /expected one of delay, drop/],
    ['delay', /expected how long/],
    ['drop:p=2', /p=2: expected tool=NAME/],
    ['drop:p95=2s', /p95=2s: expected/],
    ['drop:after=-1', /after=-1: expected/],
    ['', /expected one of/],
  ])('is refused: %s', (written, why) => {
    expect(parseFault(written)).toMatch(why);
  });

  const fates = (written: readonly string[], seed: number, calls = 1000): (string | undefined)[] => {
    const faults = new Faults(
      written.map((one) => parseFault(one) as FaultRule),
      seed,
    );
    return Array.from({ length: calls }, (_, n) => faults.next('tools/call', 'add', `key ${n}`).ruin);
  };

  it('falls as often as it says, by the seed alone', () => {
    const hit = fates(['drop:p=0.1'], 42).filter((ruin) => ruin !== undefined).length;
    expect(hit).toBeGreaterThan(60);
    expect(hit).toBeLessThan(140);
    expect(fates(['drop:p=0.1'], 42)).toEqual(fates(['drop:p=0.1'], 42));
    expect(fates(['drop:p=0.1'], 42)).not.toEqual(fates(['drop:p=0.1'], 43));
  });

  it('leaves other tools and the first ones alone', () => {
    expect(new Set(fates(['drop:tool=other'], 1))).toEqual(new Set([undefined]));
    expect(fates(['error:after=2'], 1, 4)).toEqual([undefined, undefined, 'error', 'error']);
  });

  it('delays 95 of 100 by less than it says, and none by more than three times that', () => {
    const faults = new Faults([parseFault('delay:p95=1s') as FaultRule], 5);
    const delays = Array.from({ length: 2000 }, (_, n) => faults.next('tools/call', 'add', `${n}`).delayMs);
    const below = delays.filter((ms) => ms < 1000).length / delays.length;
    expect(below).toBeGreaterThan(0.93);
    expect(below).toBeLessThan(0.97);
    expect(Math.max(...delays)).toBeLessThanOrEqual(3000);
  });
});
