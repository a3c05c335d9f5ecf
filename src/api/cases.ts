/** The handler of cases: a session as a file that keeps a failure fixed, redacted as an export is. It names no server of this machine. */
import { redactedSource } from '../formats/redaction.ts';
import { sourceOf } from '../formats/source.ts';
import { allowedBy, caseOf } from '../replay/case.ts';
import { caseText } from '../replay/caseFile.ts';
import type { LearntRule } from '../replay/judge.ts';
import type { Handlers } from './handler.ts';
import { rulesOf } from './judged.ts';
import { ApiError } from './problem.ts';
import { replaysOf } from './replayHandlers.ts';
import { planned } from './replays.ts';
import { redactorOf } from './transfer.ts';

const TYPES = { yaml: 'application/yaml', json: 'application/json' } as const;
/** Of an id: enough to tell sessions apart. */
const SHORT_ID = 8;

export const CASE_HANDLERS: Handlers<'case'> = {
  case: async ({ context, open, session, body, audit }) => {
    const { format = 'yaml', level = 'semantic', ignore = [], typeOnly = [], unordered = [], replay } = body;
    const rules = rulesOf({ level, ignore, typeOnly, unordered });
    let learnt: readonly LearntRule[] = [];
    if (replay !== undefined) {
      const found = replaysOf(context).find(replay);
      if (found.options.plan.scenario.id !== session.id)
        throw new ApiError(409, 'replay: it is a replay of another session', { parameter: 'replay' });
      ({ learnt } = found);
    }
    const redactor = await redactorOf(context.loaded.config);
    audit({ action: 'export', session: session.id, format: 'case' });
    const source = redactedSource(sourceOf(await open(session), session), redactor);
    const plan = planned(source, { ...body, allowAll: true });
    const file = caseOf(plan, {
      name: body.name ?? `${session.server} ${session.id.slice(-SHORT_ID)}`.trim(),
      server: undefined,
      rules,
      learnt,
      allow: allowedBy(planned(source, body)),
    });
    return new Response(caseText(`case.${format}`, file), {
      headers: {
        'content-type': TYPES[format],
        'content-disposition': `attachment; filename="sidelight-${session.id}.case.${format}"`,
      },
    });
  },
};
