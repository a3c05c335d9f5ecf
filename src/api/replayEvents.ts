/** A replay as server-sent events: how it stands and the steps that are over, as fast as a client takes them, until it is over. */
import type { Replaying } from './replaying.ts';

/** Steps in one event. */
const MAX_TOLD = 500;
/** What waits for a client; then it is told later. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** Proxies and clients find out in this time that the other is gone. */
const HEARTBEAT_MS = 15_000;

/** `told`: so many steps are known already. Throws an ApiError when too many watch. */
export function replayEvents(
  replay: Replaying,
  state: () => Promise<object>,
  told: number,
): ReadableStream<Uint8Array> {
  const pump = new Pump(replay, state, told);
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        pump.start(controller);
      },
      pull: () => pump.tell(),
      cancel: () => {
        pump.stop();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_BUFFERED_BYTES }),
  );
}

class Pump {
  readonly #replay: Replaying;
  readonly #state: () => Promise<object>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unwatch: () => void = () => undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #told: number;
  /** There is something that was not told. */
  #changed = true;
  #telling = false;

  constructor(replay: Replaying, state: () => Promise<object>, told: number) {
    this.#replay = replay;
    this.#state = state;
    this.#told = told;
  }

  /** Throws an ApiError when too many watch. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#unwatch = this.#replay.watch(() => {
      this.#changed = true;
      void this.tell();
    });
    this.#heartbeat = setInterval(() => {
      if (this.#isReady()) this.#say(':\n\n');
    }, HEARTBEAT_MS);
    void this.tell();
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    this.#unwatch();
    this.#controller = undefined;
  }

  /** One at a time: what changes meanwhile is told by the next. */
  async tell(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    try {
      while (this.#changed && this.#isReady()) {
        this.#changed = false;
        const isOver = this.#replay.endedAtUs !== undefined;
        const replay = await this.#state();
        const steps = this.#replay.steps.slice(this.#told, this.#told + MAX_TOLD);
        this.#told += steps.length;
        const isBehind = this.#told < this.#replay.steps.length;
        if (isBehind) this.#changed = true;
        this.#say(`id: ${this.#told}\ndata: ${JSON.stringify({ replay, steps })}\n\n`);
        if (isOver && !isBehind) this.#close();
      }
    } catch (cause) {
      this.#controller?.error(cause);
      this.stop();
    } finally {
      this.#telling = false;
    }
  }

  #isReady(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #say(text: string): void {
    this.#controller?.enqueue(Buffer.from(text));
  }

  #close(): void {
    this.#controller?.close();
    this.stop();
  }
}
