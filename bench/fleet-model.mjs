/**
 * A fleet by arithmetic: what so many sidecars bring, out of what one row and one insert were measured to cost. Nothing here is
 * measured. Pure.
 */

/** Each sidecar that has something new sends frames, operations and its session. */
const INSERTS_PER_SHIP = 3;
/** Flushes of `async_insert` a second into one table: its window adapts between 50 and 200 ms. */
const FLUSHES_PER_SECOND = { least: 5, most: 20 };
const TABLES = 4;
const DAY_SECONDS = 86_400;
/** Of a core: merges, queries and bursts need the other half. */
const BUSY = 0.5;

/** What one of each costs, out of the figures of fleet-run.mjs, under the default policy if not said otherwise. */
export function constantsOf({ shipped: { all, telling }, quiet }) {
  const { frame, operation, session, payload } = telling.sizes;
  return {
    frameBytes: (frame.bytes - payload.bytes) / frame.rows,
    payloadBytes: all.sizes.payload.bytes / all.sizes.payload.rows,
    payloadRatio: all.sizes.payload.uncompressed / all.sizes.payload.bytes,
    operationBytes: operation.bytes / operation.rows,
    sessionBytes: session.bytes / session.rows,
    operationsPerFrame: operation.rows / frame.rows,
    framesPerSession: frame.rows / session.rows,
    payloads: payload.rows / frame.rows,
    engineUsPerRow: (telling.engineCpuSeconds / telling.rows) * 1e6,
    engineMsPerInsert: (quiet.engineCpuSeconds / quiet.inserts) * 1000,
    engineUsPerRowAll: (all.engineCpuSeconds / all.rows) * 1e6,
  };
}

/**
 * `constants`: bytes on disk of a frame without payload, of a payload, an operation and a session; operations per frame, frames
 * per session; the engine's microseconds per row in full batches, and milliseconds per insert of a few rows. `payloads`: the share of frames that come with theirs.
 */
export function estimate(fleet, constants) {
  const { sidecars, messagesPerSecond, payloads, days, replicas, everySeconds } = fleet;
  const frames = sidecars * messagesPerSecond;
  const ships = sidecars * Math.min(1 / everySeconds, messagesPerSecond);
  const rows = frames * (1 + constants.operationsPerFrame) + ships;
  const inserts = ships * INSERTS_PER_SHIP;
  const messageBytes = bytesPerMessage(constants, payloads);
  const bytesPerDay = frames * DAY_SECONDS * messageBytes;
  return {
    rowsPerSecond: rows,
    insertsPerSecond: inserts,
    partsPerSecond: [FLUSHES_PER_SECOND.least * TABLES, FLUSHES_PER_SECOND.most * TABLES],
    bytesPerDay,
    diskBytes: bytesPerDay * days * replicas,
    cores: (rows * constants.engineUsPerRow) / 1e6 / BUSY,
    coresOfParts: (inserts * constants.engineMsPerInsert) / 1000 / BUSY,
  };
}

/** On disk, with its part of an operation and of a session. */
export function bytesPerMessage(constants, payloads) {
  return (
    constants.frameBytes +
    payloads * constants.payloadBytes +
    constants.operationBytes * constants.operationsPerFrame +
    constants.sessionBytes / constants.framesPerSession
  );
}

/** Of a million messages that are kept so many days on so many replicas; prices in one currency. */
export function costPerMillion({ payloads, days, replicas, gbMonth, coreHour }, constants) {
  const gb = (bytesPerMessage(constants, payloads) * 1e6) / 1e9;
  const storage = gb * gbMonth * (days / 30) * replicas;
  const coreSeconds = (1e6 * (1 + constants.operationsPerFrame) * constants.engineUsPerRow) / 1e6;
  const ingest = (coreSeconds / 3600 / BUSY) * coreHour * replicas;
  return { gb, coreSeconds, storage, ingest, total: storage + ingest };
}
