/**
 * Schema 2: what somebody wants to keep and has noted, what became of bodies, blocks that were packed, and who tidies
 * the store. New stores give freed pages back; an older one does so after `sidelight prune --vacuum`.
 */
import { FILTER_INDEXES } from '../indexes.ts';

export const V2 = `
ALTER TABLE session ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN note TEXT;
ALTER TABLE session ADD COLUMN bodies TEXT NOT NULL DEFAULT 'all';
ALTER TABLE session ADD COLUMN elided_media INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN replay_of TEXT;
UPDATE session SET bodies = 'none' WHERE record = 'metadata';
CREATE INDEX session_unpacked ON session (ended_at) WHERE packed = 0;
CREATE INDEX session_undecided ON session (ended_at) WHERE bodies = 'undecided';
CREATE INDEX session_pinned ON session (started_at) WHERE pinned = 1;

ALTER TABLE block ADD COLUMN coding INTEGER NOT NULL DEFAULT 0;

-- Sessions that are gone, and of which something is left to be deleted.
CREATE TABLE doomed (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL
);

CREATE TABLE lease (
  task TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;

${FILTER_INDEXES.join(';\n')};
`;
