/** Handlers of replays: planning, which sends nothing, and running, which is off unless somebody asked for it at the start. */
import type * as z from 'zod/mini';
import { sourceOf } from '../formats/source.ts';
import { judge, type StepVerdict } from '../replay/judge.ts';
import { planJson, stepVerdictJson } from '../replay/json.ts';
import type { StoreReader } from '../store/read.ts';
import type { ApiContext, ApiRequest, Handlers } from './handler.ts';
import { diffOf, rulesOf } from './judged.ts';
import { ApiError } from './problem.ts';
import type { Replay } from './replayContract.ts';
import { replayEvents } from './replayEvents.ts';
import type { Replaying } from './replaying.ts';
import { planned, type Replays } from './replays.ts';
import { redactorOf } from './transfer.ts';

type Shown = z.output<typeof Replay>;
type Named = Pick<ApiRequest<'replay'>, 'context' | 'reader' | 'replay'>;

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
  plan: ({ reader, session, body }) => planJson(planned(sourceOf(reader, session), body)),
  replayTargets: ({ context }) => ({
    enabled: context.replays !== undefined,
    items: Object.entries(context.loaded.config.replayTargets).map(([name, target]) => ({
      name,
      kind: 'url' in target ? 'url' : 'command',
    })),
  }),
  startReplay: async ({ context, reader, body, audit }) => {
    const replays = replaysOf(context);
    const session = reader.findSession(body.session);
    const { config } = context.loaded;
    const redactor = config.redact ? await redactorOf(config) : undefined;
    audit({ action: 'replay', session: session.id, target: body.target });
    return shownOf(
      context,
      reader,
      replays.start(sourceOf(reader, session), body, reader.position(), redactor),
    );
  },
  replays: ({ context, reader }) => ({
    items: replaysOf(context)
      .list()
      .map((one) => shownOf(context, reader, one)),
  }),
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
    const state = async (): Promise<Shown> => shownOf(context, await context.stored.reader(), replay);
    return new Response(replayEvents(replay, state, told), {
      headers: { 'content-type': 'text/event-stream' },
    });
  },
  replayResult: (request) => {
    const { query } = request;
    const { reproduced, first, steps } = judged(request, query.maxSlowdown);
    const after = query.after ?? -1;
    const from = steps.filter(({ live }) => live.planned.step.index > after);
    const items = from.slice(0, query.limit).map(stepVerdictJson);
    return {
      replay: shown(request),
      reproduced,
      firstDivergence: first?.live.planned.step.index,
      items,
      next: from.length > items.length ? items.at(-1)?.step : undefined,
    };
  },
  replayStep: (request) => {
    const { replay, number } = request;
    const found = judged(request, undefined).steps.find((one) => indexOf(one) === number);
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
  replayDiff: (request) => {
    const { replay, reader, query } = request;
    const after = recordedAs(request);
    if (after === undefined)
      throw new ApiError(409, 'the replay is not recorded, or nothing of it yet; see its result');
    return diffOf(reader, replay.options.plan.scenario.id, after, query);
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

function judged(
  { replay, query }: ApiRequest<'replayResult'> | ApiRequest<'replayStep'>,
  maxSlowdown: number | undefined,
) {
  const rules = rulesOf(query);
  return judge(replay.result, { rules, learnt: [], bindings: replay.options.plan.bindings, maxSlowdown });
}

function shown({ context, reader, replay }: Named): Shown {
  return shownOf(context, reader, replay);
}

function shownOf(context: ApiContext, reader: StoreReader, replay: Replaying): Shown {
  const { id, target, plan, shown: planShown } = replay.options;
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
    steps: steps.length,
    done: replay.steps.length,
    waiting: waiting && {
      step: waiting.step.index,
      method: waiting.step.method,
      target: waiting.step.target,
      safety: waiting.safety,
      params: waiting.params,
    },
    recordedAs: recordedAs({ context, reader, replay }),
  };
}

/** The first recording of it since it began that no other replay has: two of one session may run at once. */
function recordedAs({ context, reader, replay }: Named): string | undefined {
  return replay.recordedAs(() => {
    const { plan, since } = replay.options;
    const others = (context.replays?.list() ?? []).flatMap((one) => one.recordedAs(() => undefined) ?? []);
    return reader.replaysOf(plan.scenario.id, since).find((id) => !others.includes(id));
  });
}
