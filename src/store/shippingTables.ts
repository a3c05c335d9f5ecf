/** Tables of the local store that only those who ship make and read: how far each remote has come. */

export const SHIPPING_TABLES = `
CREATE TABLE IF NOT EXISTS shipping (
  remote TEXT PRIMARY KEY,
  done INTEGER NOT NULL,
  batch TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipped_session (
  remote TEXT NOT NULL,
  session INTEGER NOT NULL, -- session.number
  next_seq INTEGER NOT NULL,
  payload_seq INTEGER NOT NULL,
  operation INTEGER NOT NULL,
  finding INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lost_events INTEGER NOT NULL,
  lost_payloads INTEGER NOT NULL,
  PRIMARY KEY (remote, session)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipping_total (
  remote TEXT NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (remote, kind, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipping_note (
  remote TEXT PRIMARY KEY,
  rules TEXT NOT NULL,
  backlog TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipping_mark (
  remote TEXT NOT NULL,
  at INTEGER NOT NULL,
  number INTEGER NOT NULL, -- of the last session
  PRIMARY KEY (remote, at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipping_gap (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  remote TEXT NOT NULL,
  session_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  frames INTEGER NOT NULL,
  operations INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  payloads INTEGER NOT NULL,
  first_seq INTEGER,
  last_seq INTEGER,
  row TEXT, -- of the session, where it is not here any more
  is_new INTEGER NOT NULL,
  version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS dead_letter (
  number INTEGER PRIMARY KEY,
  remote TEXT NOT NULL,
  at INTEGER NOT NULL,
  target TEXT NOT NULL,
  why TEXT NOT NULL,
  content TEXT NOT NULL
);
`;
