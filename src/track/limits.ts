/** Bounds of what a tracker remembers, each with its reason. What is beyond them is counted or told, never kept. */

export interface TrackerLimits {
  /** Requests in flight in one direction. A peer that never answers must not grow the observer. */
  readonly maxPending: number;
  /** Ids of finished requests, by which a second or late answer is told from an answer to nothing. */
  readonly maxClosed: number;
  /** Progress and log notes kept for one operation; each becomes a span event. */
  readonly maxNotes: number;
  /** HTTP exchanges under way. Streams are held open by whoever likes to; each costs a few hundred bytes. */
  readonly maxExchanges: number;
  /** Ids of SSE events, by which a message that is said again is known: as far back as servers keep them to resume. */
  readonly maxEventIds: number;
  /** Calls that wait for input, and as many tasks that have not ended. Each may hold its arguments to compare them. */
  readonly maxWaiting: number;
  /** Who has not given input for so long does not come back; a task that nobody asked about for as long is forgotten. */
  readonly maxInputWaitUs: number;
  readonly maxTaskIdleUs: number;
  /** A request without a word for so long hangs: five times what clients commonly wait. */
  readonly maxSilenceUs: number;
  /** Bytes of a call whose arguments are compared with those of a retry: a retry of a longer one must name its state. */
  readonly maxComparedBytes: number;
  /** Names of each kind that lists have shown: the names that may become labels. */
  readonly maxListed: number;
  /** Lines of stderr that are told with a crash. */
  readonly maxStderrLines: number;
  /** Characters of a name, message or log text in an event. */
  readonly maxTextChars: number;
  /** Characters of a tool call's arguments or result, where content was asked for; an attribute, not a recording. */
  readonly maxContentChars: number;
  /** Characters of a finding's evidence: enough to recognise it, and there may be one for each message. */
  readonly maxDetailChars: number;
}

export const DEFAULT_LIMITS: TrackerLimits = {
  maxPending: 100_000,
  maxClosed: 1024,
  maxNotes: 32,
  maxExchanges: 100_000,
  maxEventIds: 4096,
  maxWaiting: 1000,
  maxInputWaitUs: 60 * 60 * 1_000_000,
  maxTaskIdleUs: 24 * 60 * 60 * 1_000_000,
  maxSilenceUs: 5 * 60 * 1_000_000,
  maxComparedBytes: 16 * 1024,
  maxListed: 10_000,
  maxStderrLines: 20,
  maxTextChars: 1000,
  maxContentChars: 8192,
  maxDetailChars: 200,
};
