/** One replay: how far it is, what waits for a move, and whether the same came of it, step by step. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Answer, Body, Client } from '../../api/client.ts';
import { asError, useAsked } from '../loading.ts';
import { Tree } from '../message/tree.tsx';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { Mark, type Tone } from '../parts/marks.tsx';
import { Async, Failed, Waiting, wordsOf } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { duration, plural, shortId } from '../words.ts';
import { type Level, LEVELS, StepDiff } from './diff.tsx';
import { listOf } from './plan.tsx';
import { Learnt, Runs } from './runs.tsx';
import { SaveCase } from './saveCase.tsx';

export type Replay = Answer<'replay'>;
type Move = Body<'moveReplay'>['move'];

const STATE: Readonly<Record<Replay['state'], Tone>> = {
  running: 'live',
  paused: 'warn',
  done: 'good',
  cancelled: 'quiet',
  failed: 'bad',
};
/** The server closes what nobody reads; then the rest is asked for again. */
const RETRY_MS = 1000;

export function StateMark({ state }: { readonly state: Replay['state'] }): VNode {
  return <Mark tone={STATE[state]}>{state}</Mark>;
}

export function ReplayPage({ id }: { readonly id: string }): VNode {
  const { client } = usePage();
  const [replay, show] = useState<Replay | undefined>(undefined);
  const [error, fail] = useState<Error | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    void following(client, id, stop.signal, show).catch((cause: unknown) => {
      if (!stop.signal.aborted) fail(asError(cause));
    });
    return () => stop.abort();
  }, [client, id]);
  if (replay === undefined)
    return error === undefined ? <Waiting what="Reading the replay" /> : <Failed error={error} />;
  return (
    <div class="page replay">
      <Head replay={replay} />
      {replay.waiting !== undefined && <Step replay={replay} />}
      {replay.endedAtUs !== undefined && <Result replay={replay} />}
    </div>
  );
}

/** Until it is over. */
async function following(
  client: Client,
  id: string,
  signal: AbortSignal,
  show: (replay: Replay) => void,
): Promise<void> {
  let latest = await client.replay(id);
  show(latest);
  while (latest.endedAtUs === undefined && !signal.aborted) {
    for await (const { replay } of client.replayEvents(id, { told: latest.done, signal })) {
      latest = replay;
      show(latest);
    }
    if (latest.endedAtUs === undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function Head({ replay }: { readonly replay: Replay }): VNode {
  const { client, say } = usePage();
  const { id, server, target, state, done, steps, session, recordedAs, problem, endedAtUs } = replay;
  const { run, runs } = replay;
  const move = (to: Move): void => {
    client.moveReplay(id, { move: to }).catch((error: unknown) => say(wordsOf(asError(error))));
  };
  return (
    <header class="session-head">
      <div class="line-1">
        <h1>
          <Text max={100}>{server}</Text> against {plain(target, 60)}
        </h1>
        <StateMark state={state} />
        <span>
          <progress value={done} max={steps} aria-label="Steps that are over" /> {done} of{' '}
          {plural(steps, 'step')}
          {run === 0 && ', learning what changes'}
          {run > 0 && runs > 1 && `, run ${run} of ${runs}`}
        </span>
        <Link href={hrefOf(['sessions', session])}>recorded session {shortId(session)}</Link>
        {recordedAs !== undefined && (
          <Link href={hrefOf(['sessions', recordedAs])}>its own recording {shortId(recordedAs)}</Link>
        )}
        <span class="spring" />
        {state === 'running' && (
          <button type="button" onClick={() => move('pause')}>
            Pause
          </button>
        )}
        {state === 'paused' && (
          <>
            <button type="button" onClick={() => move('send')}>
              Send
            </button>
            <button type="button" onClick={() => move('skip')}>
              Skip
            </button>
            <button type="button" onClick={() => move('continue')}>
              Run the rest
            </button>
          </>
        )}
        {endedAtUs === undefined && (
          <button type="button" onClick={() => move('cancel')}>
            Cancel
          </button>
        )}
      </div>
      {problem !== undefined && (
        <p class="bad-text">
          <Text max={500}>{problem}</Text>
        </p>
      )}
    </header>
  );
}

/** What waits for a move. */
function Step({ replay }: { readonly replay: Replay }): VNode {
  const { waiting } = replay;
  return (
    <section class="waiting-step" aria-label="The step that waits">
      <p class="view-tools">
        Step {waiting?.step} waits: <b>{plain(waiting?.target ?? waiting?.method ?? '', 120)}</b>{' '}
        <span class="tag">{waiting?.safety.replaceAll('_', ' ')}</span>
      </p>
      <Tree value={waiting?.params ?? {}} label="What will be sent" />
    </section>
  );
}

const VERDICT: Readonly<Record<Answer<'replayResult'>['items'][number]['verdict'], Tone>> = {
  same: 'good',
  different: 'bad',
  not_compared: 'quiet',
};

function Result({ replay }: { readonly replay: Replay }): VNode {
  const { client, place } = usePage();
  const { level: written, ignore: ignored, step: chosen, run: wanted } = place.now.value.query;
  const level: Level = LEVELS.find((one) => one === written) ?? 'semantic';
  const ignore = listOf(ignored);
  const run = wanted === undefined ? undefined : Number(wanted);
  const rules = { level, ignore, run };
  const { state, again } = useAsked(`${replay.id} ${wanted ?? ''} ${level} ${ignore.join('\n')}`, () =>
    client.replayResult(replay.id, { ...rules, limit: 1000 }),
  );
  return (
    <Async state={state} what="Comparing" again={again}>
      {({ reproduced, items, next, runs, learnt, run: shown }) => {
        const step = chosen ?? items.find(({ verdict }) => verdict === 'different')?.step;
        return (
          <>
            <div class="view-tools">
              <Mark tone={reproduced ? 'good' : 'bad'}>
                {reproduced ? 'the same came of it' : 'not the same came of it'}
              </Mark>
              <label>
                compared by{' '}
                <select
                  value={level}
                  onChange={(event) => place.set({ level: event.currentTarget.value }, true)}
                >
                  {LEVELS.map((one) => (
                    <option key={one}>{one}</option>
                  ))}
                </select>
              </label>
              {ignore.map((path) => (
                <button
                  key={path}
                  type="button"
                  title="Compare it again"
                  onClick={() => place.set({ ignore: ignore.filter((one) => one !== path).join('\n') }, true)}
                >
                  ignores {plain(path, 60)} ✕
                </button>
              ))}
              <Runs runs={runs} shown={shown} />
              <span class="spring" />
              <SaveCase session={replay.session} wishes={{ level, ignore, replay: replay.id }} />
            </div>
            <Learnt learnt={learnt} />
            <div class="split with-detail">
              <ol class="verdicts" aria-label="Steps">
                {items.map((item) => (
                  <li key={item.step} class={String(item.step) === String(step) ? 'at' : ''}>
                    <Mark tone={VERDICT[item.verdict]}>{item.verdict.replaceAll('_', ' ')}</Mark>{' '}
                    <Link href={place.with({ step: item.step })} current={String(item.step) === String(step)}>
                      {item.step}. <Text max={100}>{item.target ?? item.method}</Text>
                    </Link>{' '}
                    <span class="faint">
                      {duration(item.recordedUs)} then, {duration(item.durationUs)} now
                    </span>
                    {item.verdict === 'different' && item.expected !== item.actual && (
                      <p class="bad-text">
                        <Text max={200}>{`expected ${item.expected}, got ${item.actual}`}</Text>
                      </p>
                    )}
                  </li>
                ))}
                {next !== undefined && <li class="faint">and more</li>}
              </ol>
              {step !== undefined && <StepDiff replay={replay.id} step={Number(step)} rules={rules} />}
            </div>
          </>
        );
      }}
    </Async>
  );
}
