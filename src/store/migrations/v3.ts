/**
 * Schema 3: the index that texts are looked up in. Of each packed block it holds which trigrams its payloads have, and nothing
 * else; a block that goes takes its entry along, and one that comes makes its session one that has to be looked at again.
 */
export const V3 = `
-- 1: every block of the session has an entry in block_text.
ALTER TABLE session ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_unindexed ON session (packed, number) WHERE indexed = 0;

-- By block.number. It narrows down where to look, and never answers.
CREATE VIRTUAL TABLE block_text USING fts5 (
  trigrams, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- One row. Entries that were deleted leave their trigrams behind until a purge rewrites the index.
CREATE TABLE text_index (
  deletions INTEGER NOT NULL,
  purged INTEGER NOT NULL, -- deletions at the last purge
  purged_at INTEGER NOT NULL
);
INSERT INTO text_index VALUES (0, 0, 0);

CREATE TRIGGER block_goes AFTER DELETE ON block
WHEN EXISTS (SELECT 1 FROM block_text_docsize WHERE id = old.number)
BEGIN
  DELETE FROM block_text WHERE rowid = old.number;
  UPDATE text_index SET deletions = deletions + 1;
END;
CREATE TRIGGER block_comes AFTER INSERT ON block
BEGIN
  UPDATE session SET indexed = 0 WHERE id = new.session_id AND indexed = 1;
END;
`;
