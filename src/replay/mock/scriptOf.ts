/** A recorded session as a script. It calls nothing. */
import type { Source } from '../../formats/source.ts';
import { isObject } from '../../mcp/canonical.ts';
import { eraOf } from '../../mcp/era.ts';
import type { Json } from '../scenario.ts';
import { Reading } from './reading.ts';
import type { Script } from './script.ts';

const LATEST_LEGACY = '2025-11-25';
const MODERN = '2026-07-28';

/** `probe`: the session in which the same client asked first which revisions there are; only its answer is taken. */
export function scriptOf(source: Source, probe?: Source): Script {
  const reading = new Reading(source.operations());
  for (const frame of source.frames()) reading.frame(frame);
  const { session } = source;
  const era = session.era ?? eraOf(session.protocolVersion ?? '') ?? 'legacy';
  const { name, version } = session.serverInfo;
  return {
    id: session.id,
    server: { name: name ?? session.server, version: version ?? '0.0.0' },
    era,
    protocolVersion: session.protocolVersion ?? (era === 'modern' ? MODERN : LATEST_LEGACY),
    capabilities: session.serverCapabilities,
    discovered: probe && discoveredIn(scriptOf(probe)),
    usesSessions: session.transport === 'stdio' || session.sessionIdHash !== undefined,
    ...reading.end(session.endCause === 'server_crashed' || session.endCause === 'server_exited'),
  };
}

function discoveredIn({ cues }: Script): Json | undefined {
  const cue = cues.find(({ method, problem }) => method === 'server/discover' && problem === undefined);
  const result = cue?.happenings.find((one) => one.is === 'answer')?.message.result;
  return isObject(result) ? result : undefined;
}
