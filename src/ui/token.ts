/**
 * The token of the API: taken out of the fragment of the printed link, kept for this tab, and handed to other tabs of the same
 * origin that ask. It is never in a URL that stays, in a cookie, or on the disk.
 */

const KEY = 'sidelight.token';
const CHANNEL = 'sidelight.token';
/** Another tab answers at once, or there is none. */
const ASK_MS = 300;
/** That of an installation, one of `sidelight token`, or one of an issuer (JWT). */
const TOKEN = /^[\w.-]{40,8192}$/;

export interface TokenKeeper {
  readonly read: () => Promise<string | undefined>;
  readonly keep: (token: string) => void;
  readonly forget: () => void;
}

function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** What a person pastes: the token, or the whole link that has it. */
export function tokenIn(text: string): string | undefined {
  const token = text.trim().replace(/^.*#token=/, '');
  return isToken(token) ? token : undefined;
}

export function tokenKeeper(window: Window, storage: Storage): TokenKeeper {
  const channel = new BroadcastChannel(CHANNEL);
  const kept = (): string | undefined => storage.getItem(KEY) ?? undefined;
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const token = kept();
    if (data === 'ask' && token !== undefined) channel.postMessage(token);
  });
  const keep = (token: string): void => {
    storage.setItem(KEY, token);
  };
  const fromOthers = (): Promise<string | undefined> =>
    new Promise((resolve) => {
      channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (typeof data === 'string' && isToken(data)) resolve(data);
      });
      channel.postMessage('ask');
      window.setTimeout(() => resolve(undefined), ASK_MS);
    });
  return {
    read: async () => {
      const { hash, pathname, search } = window.location;
      const given = hash.startsWith('#token=') ? tokenIn(hash) : undefined;
      // Out of sight, and out of what is copied.
      if (given !== undefined) window.history.replaceState(window.history.state, '', pathname + search);
      const token = given ?? kept() ?? (await fromOthers());
      if (token !== undefined) keep(token);
      return token;
    },
    keep,
    forget: () => {
      storage.removeItem(KEY);
    },
  };
}
