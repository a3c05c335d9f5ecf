/** `sidelight pin` and `sidelight note`: what a person says about a recorded session. */
import { ConfigError } from '../config/error.ts';
import { MAX_NOTE_CHARACTERS, setNote, setPinned } from '../store/marks.ts';
import { openForWriting } from '../store/open.ts';
import { shortId, withStore } from './describe.ts';
import { safe, type Terminal } from './terminal.ts';

/** Resolves to the exit code. */
export function pin(dataDir: string, session: string, pinned: boolean, terminal: Terminal): Promise<number> {
  return withStore({ dataDir }, terminal, async (recordings) => {
    const { id } = await recordings.findSession(session);
    const db = await openForWriting(dataDir);
    try {
      setPinned(db, id, pinned);
    } finally {
      db.close();
    }
    const what = pinned ? 'pinned: it is kept whatever the retention says' : 'not pinned any more';
    await terminal.line(`${shortId(id)} is ${what}`);
    return 0;
  });
}

/** Without a text, shows the note; an empty one takes it away. Resolves to the exit code. */
export function note(
  dataDir: string,
  session: string,
  text: string | undefined,
  terminal: Terminal,
): Promise<number> {
  if (text !== undefined && text.length > MAX_NOTE_CHARACTERS)
    throw new ConfigError(
      `note: ${text.length} characters are too many; ${MAX_NOTE_CHARACTERS} are the most`,
    );
  return withStore({ dataDir }, terminal, async (recordings) => {
    const { id, note: before } = await recordings.findSession(session);
    if (text === undefined) {
      await terminal.line(before === undefined ? `${shortId(id)} has no note` : safe(before));
      return 0;
    }
    const db = await openForWriting(dataDir);
    try {
      setNote(db, id, text === '' ? undefined : text);
    } finally {
      db.close();
    }
    await terminal.line(
      text === '' ? `${shortId(id)} has no note any more` : `${shortId(id)}: ${safe(text)}`,
    );
    return 0;
  });
}
