/** What a mock answers about itself where the recording has nothing: the handshake of its era, and a ping. Pure. */
import { isObject } from '../../mcp/canonical.ts';
import { eraOf } from '../../mcp/era.ts';
import type { Json } from '../scenario.ts';
import type { Answer } from '../scenario.ts';
import { isCounted, type Script } from './script.ts';

const UNSUPPORTED_VERSION = -32022;
const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
/** Capabilities that a recorded request or what was listed shows. */
const SHOWN_BY: Readonly<Record<string, string>> = {
  tools: 'tools',
  prompts: 'prompts',
  resources: 'resources',
  logging: 'logging',
  completion: 'completions',
};

/** Undefined: the method is none of the handshake. */
export function ownAnswer(script: Script, method: string, params: unknown): Answer | undefined {
  if (method === 'ping') return { result: {} };
  if (method === 'server/discover') return script.era === 'modern' ? { result: discovered(script) } : UNKNOWN;
  if (method !== 'initialize') return undefined;
  if (script.era === 'legacy') return { result: initialized(script) };
  const requested = isObject(params) ? params.protocolVersion : undefined;
  const data = { supported: [script.protocolVersion], requested };
  return {
    error: { code: UNSUPPORTED_VERSION, message: `only ${script.protocolVersion} is recorded`, data },
  };
}

const UNKNOWN: Answer = { error: { code: -32601, message: 'Method not found' } };

function initialized(script: Script): Json {
  const { protocolVersion, server } = script;
  return { protocolVersion, capabilities: capabilitiesOf(script), serverInfo: server };
}

function discovered(script: Script): Json {
  return (
    script.discovered ?? {
      resultType: 'complete',
      supportedVersions: [script.protocolVersion],
      capabilities: capabilitiesOf(script),
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [SERVER_INFO]: script.server },
    }
  );
}

function capabilitiesOf({ capabilities, cues }: Script): Json {
  const shown = cues.filter(isCounted).map(({ method }) => SHOWN_BY[method.split('/')[0] ?? '']);
  const names = new Set([...capabilities, ...shown.filter((name) => name !== undefined)]);
  return Object.fromEntries([...names].map((name) => [name, {}]));
}

/** HTTP status of an answer that was not recorded over HTTP: 2026-07-28 has some of its errors in the status, too. */
export function statusOf(script: Pick<Script, 'protocolVersion'>, message: Json): number {
  if (eraOf(script.protocolVersion) !== 'modern' || !isObject(message.error)) return 200;
  const { code } = message.error;
  if (code === -32601) return 404;
  return typeof code === 'number' && code <= -32020 && code >= -32022 ? 400 : 200;
}
