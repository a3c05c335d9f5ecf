/** What a command compares or judges: sessions of the store, and recordings in files, which are read as if imported. */
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Filter } from '../filter/ast.ts';
import { type Source, sourceOf } from '../formats/source.ts';
import { importFile } from '../importing/file.ts';
import { StoreError } from '../store/error.ts';
import { openStore } from '../store/read.ts';
import type { Recordings } from '../store/recordings.ts';
import { openPlace, type Place } from './place.ts';
import type { Terminal } from './terminal.ts';

export type SourcesConfig = Place &
  Pick<Config, 'dataDir' | 'maxBodyBytes' | 'maxMessageBytes' | 'recordMedia' | 'http'>;

const PAGE = 200;

/** Exit code: what was asked for could not be looked at. */
export const NOT_READ = 3;

/**
 * Gives `use` one group of sources for each word: an id or a part of one, `last`, or a file with one or more recordings; and one
 * for a filter. Where one cannot be read that is said in one line, and the exit code is NOT_READ.
 */
export async function withSources(
  config: SourcesConfig,
  wanted: readonly string[],
  terminal: Terminal,
  use: (groups: readonly (readonly Source[])[]) => Promise<number>,
  filter?: Filter,
): Promise<number> {
  const opened: { readonly close: () => unknown }[] = [];
  const folders: string[] = [];
  let store: Recordings | undefined;
  const recordings = async (): Promise<Recordings> => {
    if (store === undefined) opened.push((store = await openPlace(config)));
    return store;
  };
  try {
    const groups: Source[][] = [];
    for (const word of wanted) {
      if (isFile(word)) {
        const folder = mkdtempSync(join(tmpdir(), 'sidelight-read-'));
        folders.push(folder);
        if (!(await read(word, { ...config, dataDir: folder }, terminal))) return NOT_READ;
        const reader = await openStore(folder);
        opened.push(reader);
        const found = reader.listSessions({ limit: Number.MAX_SAFE_INTEGER });
        groups.push(found.reverse().map((session) => sourceOf(reader, session)));
      } else {
        const all = await recordings();
        const session = await all.findSession(word);
        groups.push([sourceOf(await all.open(session), session)]);
      }
    }
    if (filter !== undefined) groups.push(await matching(await recordings(), filter));
    return await use(groups);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.problem(error.message);
    return NOT_READ;
  } finally {
    for (const one of opened) await one.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Page by page, the newest first. */
async function matching(recordings: Recordings, filter: Filter): Promise<Source[]> {
  const query = { filter, nowUs: Date.now() * 1000, limit: PAGE };
  const sources: Source[] = [];
  let page = await recordings.sessions(query);
  for (;;) {
    for (const session of page.rows) sources.push(sourceOf(await recordings.open(session), session));
    if (page.next === undefined) return sources;
    page = await recordings.sessions({ ...query, after: page.next });
  }
}

/** A word that no id can be, or a file that is there. */
function isFile(word: string): boolean {
  return /[./\\]/.test(word) || (existsSync(word) && statSync(word).isFile());
}

/** Redacted it was when it was exported; what is still in it stays in this process. */
async function read(file: string, config: SourcesConfig, terminal: Terminal): Promise<boolean> {
  const leftOut: string[] = [];
  const input = createReadStream(file);
  // Told by whoever reads it, which is later.
  input.on('error', () => undefined);
  try {
    const { sessions } = await importFile({
      dataDir: config.dataDir,
      format: undefined,
      input,
      redactor: undefined,
      maxBodyBytes: config.maxBodyBytes,
      maxMessageBytes: config.maxMessageBytes,
      keepMedia: config.recordMedia,
      sessionIdleUs: config.http.sessionIdleMs * 1000,
      leftOut: (what, line) => {
        leftOut.push(line === undefined ? what : `line ${line}: ${what}`);
      },
    });
    const [first] = leftOut;
    if (sessions.length > 0 && first === undefined) return true;
    terminal.problem(
      `${file}: ${first ?? 'no recording that is known; expected one that sidelight exported'}`,
    );
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    terminal.problem(`${file}: cannot be read (${String(error.code)})`);
  }
  return false;
}
