/** `sidelight show <session>`: who spoke, what was asked and how it went, and every frame. */
import type { StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import { type Story, storyOf } from '../store/story.ts';
import { withStore } from './describe.ts';
import type { Place } from './place.ts';
import { showFrames } from './showFrames.ts';
import { showOperations } from './showOperations.ts';
import { showSession } from './showSession.ts';
import { showStory } from './showStory.ts';
import { json, type Terminal } from './terminal.ts';

export interface ShowOptions {
  readonly json?: boolean;
  /** Payloads whole and indented, headers one per line, instead of a line of each. */
  readonly full?: boolean;
  /** False: operations only. */
  readonly frames?: boolean;
}

/** Prints the session that `wanted` stands for (part of an id, or `last`); resolves to the exit code. */
export function show(
  place: Place,
  wanted: string,
  options: ShowOptions,
  terminal: Terminal,
): Promise<number> {
  const { full = false } = options;
  return withStore(place, terminal, async (recordings) => {
    const session = await recordings.findSession(wanted);
    const reader = await recordings.open(session);
    if (options.json === true) {
      await showJson(reader, session, options, terminal);
      return 0;
    }
    await showSession(reader, session, terminal);
    await showStory(session, storyIn(reader, session), terminal);
    await showOperations(reader, session, full, terminal);
    if (options.frames !== false) await showFrames(reader, session, full, terminal);
    return 0;
  });
}

function storyIn(reader: StoreReader, { id }: SessionRecord): Story {
  return storyOf({ operations: () => reader.operations(id), frames: (range) => reader.frames(id, range) });
}

/** One object; `frames` in it is written as it is read, however long the session is. */
async function showJson(
  reader: StoreReader,
  session: SessionRecord,
  options: ShowOptions,
  terminal: Terminal,
): Promise<void> {
  const list = async (name: string, items: Iterable<unknown>, end: string): Promise<void> => {
    await terminal.line(`,${json(name)}:[`);
    let separator = '';
    for (const item of items) {
      if (terminal.gone) return;
      await terminal.line(separator + json(item));
      separator = ',';
    }
    await terminal.line(`]${end}`);
  };
  const { clientExtensions, serverExtensions, toolLists } = storyIn(reader, session);
  const story = { clientExtensions, serverExtensions, toolLists };
  await terminal.line(`{"session":${json(session)},"story":${json(story)}`);
  await list('findings', reader.findings(session.id), '');
  await list('operations', reader.operations(session.id), options.frames === false ? '}' : '');
  if (options.frames !== false) await list('frames', jsonFrames(reader, session), '}');
}

function* jsonFrames(reader: StoreReader, session: SessionRecord): Generator {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (const { bytes, ...frame } of reader.frames(session.id)) {
    try {
      yield { ...frame, text: utf8.decode(bytes) };
    } catch {
      yield { ...frame, base64: Buffer.from(bytes).toString('base64') };
    }
  }
}
