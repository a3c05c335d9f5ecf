/**
 * The observer's thread: reads the copies from the ring and turns them into every output. It runs off the data path, at
 * a lower priority than the relay, and nothing in it is ever waited for by traffic.
 */
import { setPriority } from 'node:os';
import { setTimeout as nap } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Baselines } from './baselines.ts';
import type { McpEvent } from './event/event.ts';
import { openObserved } from './observed.ts';
import { HeapSize } from './self/heap.ts';
import { hexPool } from './self/hexPool.ts';
import { Stats } from './self/stats.ts';
import { Trouble } from './self/trouble.ts';
import { Fanout } from './sink/fanout.ts';
import { openOutputs } from './outputs.ts';
import { openRedaction } from './redaction.ts';
import { type Gap, RingReader, type RingRecord } from './tap/ring.ts';
import type { FromObserver, ObserverInput, ToObserver } from './thread.ts';

/** While there is traffic: how long the observer sleeps between two looks at the ring. Short enough to lose little in a
 * kill -9, long enough that a busy relay is not interrupted for each message. */
const NAP_MS = 5;
/** Quiet looks after which the observer sleeps until it is woken: an idle sidecar costs nothing. */
const NAPS_BEFORE_SLEEP = 40;
/** The relay and the server go first when there are fewer cores than work. A nice value, for this thread only. */
const NICENESS = 5;
/** One turn works for at most so long before timers, exports and scrapes get theirs. */
const TURN_MS = 20;
/** Of the deadline at the end, the share that decoding what is left may take; the rest is for the sinks' last flush. */
const DRAIN_SHARE = 0.3;
/** So many events are handed on at once: events that wait for more of them outlive the young generation's collections. */
const HAND_ON_EVENTS = 64;
/** How often sessions are looked through for what is over because nothing happens any more. */
const SWEEP_EVERY_MS = 30_000;
/** Of log lines for stderr: a client that does not read it costs no more memory than this. */
const MAX_STDERR_BYTES = 1024 * 1024;

const input = workerData as ObserverInput;
const { config, session } = input;
const port = parentPort;
if (port === null) throw new Error('observer.ts is the entry of a worker thread');
const post = (message: FromObserver): void => {
  port.postMessage(message);
};

const stats = new Stats();
const trouble = new Trouble((line) => {
  post({ type: 'stderr', line });
});
const reader = new RingReader(input.ring);
stats.queue('capture', () => ({ depth: reader.depth(), capacity: reader.capacity }));

const { redactor, problem: redactionProblem } = await openRedaction(config);
if (redactionProblem !== undefined) trouble.say('redaction', redactionProblem);

let pending: McpEvent[] = [];
const baselines = config.record === 'off' ? undefined : await new Baselines(config.dataDir).open();
const observed = openObserved({
  config,
  session,
  redactor,
  randomHex: hexPool(),
  stats,
  trusted: baselines?.trusted,
  emit: (event) => {
    pending.push(event);
  },
});

/** Log lines on their way to stderr, which the other thread writes: bounded here, since a client may not read it. */
let linesUnderWay = 0;
const stderrLine = (line: string): void => {
  if (linesUnderWay > MAX_STDERR_BYTES) {
    stats.drop('logs', 'stderr_full', 1, line.length);
    return;
  }
  linesUnderWay += line.length;
  post({ type: 'stderr', line });
};
const delays = new Float64Array(input.delays);
const outputs = await openOutputs({ config, session, delays, nowUs, stats, trouble, stderrLine });
const fanout = new Fanout(outputs.sinks, stats);
// Not before: what starts beside a busy machine must be recording soon.
if (!config.lossless) {
  try {
    setPriority(0, NICENESS);
  } catch {
    // Where the system does not let a thread be nicer, it runs as it is.
  }
}

const heap = new HeapSize();
setInterval(() => {
  observed.sweep(nowUs());
  handOn();
  heap.check();
}, SWEEP_EVERY_MS).unref();

let quiet = 0;
let timer: NodeJS.Timeout | undefined;
let skippedBytes = 0;
let closing = false;

port.on('message', (message: ToObserver) => {
  if (message.type === 'wake') look();
  else if (message.type === 'written') linesUnderWay -= message.bytes;
  else if (message.type === 'listener') stats.condition('listener', message.problem);
  else if (message.type === 'refused') stats.drop('listener', message.reason);
  else void close(message.deadlineUs);
});
look();

/** One turn: works off what the ring holds, hands the events on, and decides when to look again. */
function look(): void {
  clearTimeout(timer);
  if (closing) return;
  const until = performance.now() + TURN_MS;
  let busy = false;
  while (performance.now() < until && !mustWait() && reader.read(take)) {
    busy = true;
    handOn();
  }
  handOn();
  quiet = busy ? 0 : quiet + 1;
  if (quiet > NAPS_BEFORE_SLEEP && reader.sleep()) return;
  timer = setTimeout(look, busy && reader.depth() > 0 ? 0 : NAP_MS);
}

/** Lossless capture waits for the sinks, through the ring and the relay. */
function mustWait(): boolean {
  return config.lossless && fanout.isBehind();
}

function take(record: RingRecord): void {
  try {
    if (record.kind === 'gap')
      missing(JSON.parse(new TextDecoder().decode(record.bytes)) as Gap, 'ring_full', record.atUs);
    else observed.record(record);
    if (pending.length >= HAND_ON_EVENTS) handOn();
  } catch (cause) {
    // A frame that breaks the decoder is ours to mend; the next one may be fine.
    stats.drop('decode', 'internal_error', 1, record.bytes.length);
    trouble.say(
      'decode',
      `internal error while decoding, this is counted and traffic goes on: ${String(cause)}`,
    );
  }
}

/** Copies that never came here: counted, and told where they are missing. */
function missing(gap: Gap, reason: string, atUs: number): void {
  stats.drop('capture', reason, gap.chunks, gap.bytes);
  observed.gap(gap, atUs);
}

function handOn(): void {
  if (observed.skippedBytes > skippedBytes) {
    stats.drop('decode', 'resync', 1, observed.skippedBytes - skippedBytes);
    skippedBytes = observed.skippedBytes;
  }
  if (pending.length === 0) return;
  const batch = pending;
  pending = [];
  fanout.push(batch);
}

async function close(deadlineUs: number): Promise<void> {
  closing = true;
  clearTimeout(timer);
  const from = performance.now();
  const deadlineMs = Math.max(0, deadlineUs - nowUs()) / 1000;
  const drainUntil = from + deadlineMs * DRAIN_SHARE;
  while (performance.now() < drainUntil) {
    // What is read now and finds a queue full is lost there instead of here.
    if (fanout.isBehind()) await nap(NAP_MS);
    else if (reader.read(take)) handOn();
    else break;
  }
  const atUs = nowUs();
  for (const gap of reader.discard(take)) missing(gap, 'end_of_session', atUs);
  observed.close(atUs);
  handOn();
  await fanout.close(Math.max(0, deadlineMs - (performance.now() - from)));
  await outputs.close();
  baselines?.close();
  post({ type: 'closed' });
  port?.close();
}

/** The clock that the relay's thread takes its times from: the origins of the two threads differ, the epoch does not. */
function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
