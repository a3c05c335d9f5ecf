/** The SSE form of /live, for curl and for clients without WebSockets: an event for each message, its cursor as the event's id. */
import type { ApiContext, Handlers } from './handler.ts';
import type { Follower, LiveMessage } from './live.ts';
import { isLiveCursor } from './liveCursor.ts';
import { readFilter } from './parameters.ts';

/** What waits for a client; then it is told later. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** Proxies and clients find out in this time that the other is gone. */
const HEARTBEAT_MS = 15_000;

export const LIVE_HANDLERS: Handlers<'live'> = {
  live: ({ context, query, lastEventId }) => {
    const resumed = lastEventId !== undefined && isLiveCursor(lastEventId) ? lastEventId : query.cursor;
    return new Response(eventsOf(context, { filter: readFilter(query.filter), cursor: resumed }), {
      headers: { 'content-type': 'text/event-stream' },
    });
  },
};

function eventsOf(
  { live }: ApiContext,
  subscription: Parameters<typeof live.follow>[1],
): ReadableStream<Uint8Array> {
  let follower: Follower | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const say = (text: string): void => {
          controller.enqueue(Buffer.from(text));
        };
        const isReady = (): boolean => (controller.desiredSize ?? 0) > 0;
        follower = live.follow({ ready: isReady, send: (message) => say(eventOf(message)) }, subscription);
        heartbeat = setInterval(() => {
          if (isReady()) say(':\n\n');
        }, HEARTBEAT_MS);
        say('retry: 1000\n\n');
      },
      cancel() {
        clearInterval(heartbeat);
        follower?.stop();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_BUFFERED_BYTES }),
  );
}

/** JSON has no line ends in it. */
function eventOf(message: LiveMessage): string {
  const id = 'cursor' in message ? `id: ${message.cursor}\n` : '';
  return `event: ${message.type}\n${id}data: ${JSON.stringify(message)}\n\n`;
}
