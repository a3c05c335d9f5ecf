/** Handlers of mocks: off unless somebody asked for replays at the start. What is played is redacted as an export is. */
import { sourceOf } from '../formats/source.ts';
import { redactedSource } from '../formats/redaction.ts';
import { scriptOf } from '../replay/mock/scriptOf.ts';
import { probeBefore } from '../store/probe.ts';
import type { ApiContext, Handlers } from './handler.ts';
import { MAX_BYTES, MAX_FRAMES, type Mocks } from './mocks.ts';
import { ApiError } from './problem.ts';
import { redactorOf } from './transfer.ts';

export const MOCK_HANDLERS: Handlers<'startMock' | 'mocks' | 'mock' | 'stopMock'> = {
  startMock: async ({ context, recordings, open, body, audit }) => {
    const mocks = mocksOf(context);
    const session = await recordings.findSession(body.session);
    if (session.frames > MAX_FRAMES || session.bytes > MAX_BYTES)
      throw new ApiError(
        409,
        `the session has more than ${MAX_FRAMES} messages or ${MAX_BYTES} bytes; sidelight mock plays it`,
        { parameter: 'session' },
      );
    mocks.checkRoom();
    const redactor = await redactorOf(context.loaded.config);
    audit({ action: 'mock', session: session.id });
    const reader = await open(session);
    const probe = probeBefore(reader, session);
    const script = scriptOf(
      redactedSource(sourceOf(reader, session), redactor),
      probe && redactedSource(sourceOf(reader, probe), redactor),
    );
    return mocks.start(script, session.server, body);
  },
  mocks: ({ context }) => ({ items: mocksOf(context).list() }),
  mock: ({ context, mock }) => mocksOf(context).find(mock),
  stopMock: async ({ context, mock, audit }) => {
    const mocks = mocksOf(context);
    audit({ action: 'stop_mock', mock: mocks.find(mock).id });
    return mocks.stop(mock);
  },
};

/** Throws an ApiError where they are off, as replays are. */
function mocksOf({ mocks }: ApiContext): Mocks {
  if (mocks !== undefined) return mocks;
  throw new ApiError(403, 'mocks are off: start with --enable-replay');
}
