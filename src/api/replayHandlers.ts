/** Handlers of replays: planning, which sends nothing, and running, which is off unless somebody asked for it at the start. */
import type * as z from 'zod/mini';
import { sourceOf } from '../formats/source.ts';
import { learntFile } from '../replay/case.ts';
import { judge, type StepVerdict, type Verdict } from '../replay/judge.ts';
import { planJson, stepVerdictJson } from '../replay/json.ts';
import type { Recordings } from '../store/recordings.ts';
import type { ApiContext, ApiRequest, Handlers } from './handler.ts';
import { diffOf, rulesOf } from './judged.ts';
import { ApiError } from './problem.ts';
import type { Replay } from './replayContract.ts';
import { replayEvents } from './replayEvents.ts';
import { LEARNING_RUNS, type Replaying } from './replaying.ts';
import { planned, type Replays } from './replays.ts';
import { redactorOf } from './transfer.ts';

type Shown = z.output<typeof Replay>;
type Named = Pick<ApiRequest<'replay'>, 'context' | 'recordings' | 'replay'>;

export const REPLAY_HANDLERS: Handlers<
  | 'plan'
  | 'replayTargets'
  | 'startReplay'
  | 'replays'
  | 'replay'
  | 'moveReplay'
  | 'replayEvents'
  | 'replayResult'
  | 'replayStep'
  | 'replayDiff'
> = {
  plan: async ({ open, session, body }) => planJson(planned(sourceOf(await open(session), session), body)),
  replayTargets: ({ context }) => ({
    enabled: context.replays !== undefined,
    items: Object.entries(context.loaded.config.replayTargets).map(([name, target]) => ({
      name,
      kind: 'url' in target ? 'url' : 'command',
    })),
  }),
  startReplay: async ({ context, recordings, open, body, audit }) => {
    const replays = replaysOf(context);
    const isKept = context.stored !== undefined;
    if (!isKept && body.record === true)
      throw new ApiError(501, 'record: what is run again from here is not recorded; leave it out', {
        parameter: 'record',
      });
    const session = await recordings.findSession(body.session);
    const { config } = context.loaded;
    const redactor = config.redact ? await redactorOf(config) : undefined;
    audit({ action: 'replay', session: session.id, target: body.target });
    const wishes = { ...body, record: isKept && body.record !== false };
    const source = sourceOf(await open(session), session);
    return shownOf(context, recordings, replays.start(source, wishes, await recordings.position(), redactor));
  },
  replays: async ({ context, recordings }) => {
    const all = replaysOf(context).list();
    return { items: await Promise.all(all.map((one) => shownOf(context, recordings, one))) };
  },
  replay: (request) => shown(request),
  moveReplay: (request) => {
    const { replay, body, audit } = request;
    const { id: replayId } = replay.options;
    if (body.params !== undefined && body.move !== 'send')
      throw new ApiError(400, 'params: they are of the move send alone', { parameter: 'params' });
    audit({ action: 'replay_move', replay: replayId, move: body.move });
    if (body.move === 'cancel') replay.cancel('somebody cancelled it');
    else if (body.move === 'send')
      replay.move({ is: 'send', ...(body.params !== undefined && { params: body.params }) });
    else replay.move({ is: body.move });
    return shown(request);
  },
  replayEvents: (request) => {
    const { context, replay, lastEventId } = request;
    const told = /^\d{1,6}$/.test(lastEventId ?? '') ? Number(lastEventId) : 0;
    const state = async (): Promise<Shown> => shownOf(context, await context.recordings(), replay);
    return new Response(replayEvents(replay, state, told), {
      headers: { 'content-type': 'text/event-stream' },
    });
  },
  replayResult: async (request) => {
    const { query, replay, reads } = request;
    reads(replay.options.plan.scenario.id);
    const verdicts = judged(request, query.maxSlowdown);
    const shownRun = shownOfRuns(verdicts, query.run);
    const { first, steps } = shownRun.verdict;
    const after = query.after ?? -1;
    const from = steps.filter(({ live }) => live.planned.step.index > after);
    const items = from.slice(0, query.limit).map(stepVerdictJson);
    return {
      replay: await shown(request),
      reproduced: verdicts.every(({ reproduced }) => reproduced),
      runs: verdicts.map(({ reproduced, first: differs }, index) => ({
        run: index + 1,
        reproduced,
        firstDivergence: differs && indexOf(differs),
      })),
      learnt: learntFile(replay.learnt).map(({ target, ...rule }) => ({ ...rule, target })),
      run: shownRun.run,
      firstDivergence: first && indexOf(first),
      items,
      next: from.length > items.length ? items.at(-1)?.step : undefined,
    };
  },
  replayStep: (request) => {
    const { replay, number, reads, query } = request;
    reads(replay.options.plan.scenario.id);
    const { verdict } = shownOfRuns(judged(request, undefined), query.run);
    const found = verdict.steps.find((one) => indexOf(one) === number);
    if (found === undefined)
      throw new ApiError(404, 'the replay has no such step, or did not come to it', { parameter: 'step' });
    return {
      ...stepVerdictJson(found),
      // What was sent may hold secrets that the caller gave.
      params: replay.options.shown.steps[number]?.params,
      recorded: found.live.planned.step.answer,
      answer: found.live.answer,
    };
  },
  replayDiff: async (request) => {
    const { replay, query } = request;
    const after = await recordedAs(request);
    if (after === undefined)
      throw new ApiError(409, 'the replay is not recorded, or nothing of it yet; see its result');
    return diffOf(request, replay.options.plan.scenario.id, after, query);
  },
};

/** Throws an ApiError where replays are off. */
export function replaysOf({ replays }: ApiContext): Replays {
  if (replays !== undefined) return replays;
  throw new ApiError(
    403,
    'replays are off: start with --enable-replay, and name servers in replay.targets of the configuration',
  );
}

function indexOf({ live }: StepVerdict): number {
  return live.planned.step.index;
}

/** Of each run. */
function judged(
  { replay, query }: ApiRequest<'replayResult'> | ApiRequest<'replayStep'>,
  maxSlowdown: number | undefined,
): readonly Verdict[] {
  const rules = rulesOf(query);
  const { learnt, runs } = replay;
  const { bindings } = replay.options.plan;
  return runs.map((one) => judge(one, { rules, learnt, bindings, maxSlowdown }));
}

/** The wanted one, else the first that differs, else the first. Throws an ApiError where there is none. */
function shownOfRuns(
  verdicts: readonly Verdict[],
  wanted: number | undefined,
): { readonly run: number; readonly verdict: Verdict } {
  const differing = verdicts.findIndex(({ reproduced }) => !reproduced);
  const index = wanted === undefined ? Math.max(0, differing) : wanted - 1;
  const verdict = verdicts[index];
  if (verdict !== undefined) return { run: index + 1, verdict };
  throw new ApiError(404, `the replay came to ${verdicts.length} runs`, { parameter: 'run' });
}

function shown({ context, recordings, replay }: Named): Promise<Shown> {
  return shownOf(context, recordings, replay);
}

async function shownOf(context: ApiContext, recordings: Recordings, replay: Replaying): Promise<Shown> {
  const { id, target, plan, shown: planShown, repeat, learn } = replay.options;
  const { scenario, steps } = plan;
  const waiting = replay.waiting === undefined ? undefined : planShown.steps[replay.waiting];
  return {
    id,
    session: scenario.id,
    server: scenario.server,
    target,
    state: replay.state,
    problem: replay.problem,
    startedAtUs: replay.startedAtUs,
    endedAtUs: replay.endedAtUs,
    steps: steps.length * (repeat + (learn ? LEARNING_RUNS : 0)),
    done: replay.steps.length,
    runs: repeat,
    run: replay.run,
    waiting: waiting && {
      step: waiting.step.index,
      method: waiting.step.method,
      target: waiting.step.target,
      safety: waiting.safety,
      params: waiting.params,
    },
    recordedAs: await recordedAs({ context, recordings, replay }),
  };
}

/** The recording of its last run, of those since it began that no other replay has: two of one session may run at once. */
async function recordedAs({ context, recordings, replay }: Named): Promise<string | undefined> {
  if (replay.isSought) {
    const { plan, since } = replay.options;
    const found = await recordings.replaysOf(plan.scenario.id, since);
    // From here on nobody else can take the same one.
    const taken = new Set((context.replays?.list() ?? []).flatMap(({ knownAs }) => knownAs));
    replay.foundAs(found.filter((id) => !taken.has(id)));
  }
  return replay.knownAs.at(-1);
}
