/** Lines of a native recording as text. The order of members is fixed: the same recording is the same text. Pure. */
import type { Party, SessionRecord } from '../store/record.ts';
import { type End, type FrameLine, type Header, RECORDING_VERSION } from './recording.ts';
import { exactText } from './source.ts';

export function headerOf(session: SessionRecord): Header {
  const { record, bodies, droppedChunks, droppedBytes, droppedEvents, missedExchanges } =
    session.completeness;
  // A session that goes on has no end here either, whatever becomes of it.
  const interrupted = session.endedAtUs === undefined;
  const losses = { droppedChunks, droppedBytes, droppedEvents, missedExchanges };
  return {
    session,
    missing: { record, bodies: bodies === 'undecided' ? 'all' : bodies, interrupted, ...losses },
  };
}

export function headerLine({ session, missing }: Header): string {
  const { startedAtUs: startedAt, endedAtUs: endedAt } = session;
  const { id, transport, endCause, server, serverInfo, clientInfo, protocolVersion, era } = session;
  const { clientCapabilities, serverCapabilities, sessionIdHash, inferred, probe } = session;
  const { exitCode, exitSignal, lastStderr } = session;
  const { command, cwd, envNames, target, clientAddress, hostname, pid, sidelightVersion } = session;
  const { record, bodies, interrupted, droppedChunks, droppedBytes, droppedEvents, missedExchanges } =
    missing;
  return JSON.stringify({
    sidelight: 'recording',
    version: RECORDING_VERSION,
    session: {
      ...{ id, transport, startedAt, endedAt, endCause, server },
      serverInfo: partyOf(serverInfo),
      clientInfo: partyOf(clientInfo),
      ...{ protocolVersion, era, clientCapabilities, serverCapabilities, sessionIdHash, inferred, probe },
      ...{ exitCode, exitSignal, lastStderr },
    },
    environment: { command, cwd, envNames, target, clientAddress, hostname, pid, sidelightVersion },
    completeness: {
      ...{ record, bodies, interrupted, droppedChunks, droppedBytes, droppedEvents, missedExchanges },
    },
  });
}

export function frameLine({ bytes, ...frame }: FrameLine): string {
  const { seq, atUs: at, channel, kind, sizeBytes: size, exchange, eventId, ending, sha256 } = frame;
  const said = bytes.length === 0 ? undefined : exactText(bytes);
  const isBinary = bytes.length > 0 && said === undefined;
  return JSON.stringify({
    ...{ seq, at, channel, kind, exchange, eventId, size },
    ending: ending === '' ? undefined : ending,
    truncated: frame.truncated || undefined,
    sha256,
    redactions: frame.redactions || undefined,
    elided: frame.elided || undefined,
    last: frame.last || undefined,
    // Where the text is, it says this itself.
    method: bytes.length === 0 ? frame.method : undefined,
    text: said,
    base64: isBinary ? Buffer.from(bytes).toString('base64') : undefined,
  });
}

export function endLine({ totals, sha256 }: End): string {
  const { frames, bytes, truncatedFrames, redactions, elidedMedia } = totals;
  return JSON.stringify({ end: true, frames, bytes, truncatedFrames, redactions, elidedMedia, sha256 });
}

function partyOf({ name, version }: Party): Party | undefined {
  return name === undefined && version === undefined ? undefined : { name, version };
}
