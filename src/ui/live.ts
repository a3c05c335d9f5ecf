/**
 * Follows /live over a WebSocket: connects again after a break and goes on from the last cursor, so that nothing is lost or told
 * twice. It keeps nothing of what it hands on.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { LiveMessage } from '../api/client.ts';

export type LiveState = 'connecting' | 'live' | 'broken';

export interface Following {
  readonly state: ReadonlySignal<LiveState>;
  readonly stop: () => void;
}

const FIRST_RETRY_MS = 500;
/** What is on this machine is back soon. */
const MAX_RETRY_MS = 3000;

/** `token` goes where a browser can put it: beside the name of the protocol. */
export function follow(
  { url, token }: { readonly url: string; readonly token: string },
  filter: string,
  tell: (message: LiveMessage) => void,
): Following {
  const state = signal<LiveState>('connecting');
  let cursor: string | undefined;
  let retryMs = FIRST_RETRY_MS;
  let timer = 0;
  let socket: WebSocket | undefined;
  let isStopped = false;
  const connect = (): void => {
    window.clearTimeout(timer);
    const query = new URLSearchParams({
      ...(filter !== '' && { filter }),
      ...(cursor !== undefined && { cursor }),
    });
    const opened = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v1/live?${query.toString()}`, [
      'sidelight',
      `token.${token}`,
    ]);
    socket = opened;
    opened.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as LiveMessage;
      if ('cursor' in message) cursor = message.cursor;
      retryMs = FIRST_RETRY_MS;
      state.value = 'live';
      tell(message);
    });
    opened.addEventListener('close', () => {
      if (isStopped) return;
      state.value = 'broken';
      timer = window.setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    });
  };
  // A page that wakes up does not wait for its next try.
  const awake = (): void => {
    if (document.visibilityState === 'visible' && state.value === 'broken') connect();
  };
  document.addEventListener('visibilitychange', awake);
  window.addEventListener('online', awake);
  connect();
  return {
    state,
    stop: () => {
      isStopped = true;
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', awake);
      window.removeEventListener('online', awake);
      socket?.close();
    },
  };
}
