/** Starts the page: finds the token, makes the parts, and renders. Without a token it asks for one. */
import { signal } from '@preact/signals';
import { render } from 'preact';
import { createClient } from '../api/client.ts';
import { App } from './app.tsx';
import { keysOf } from './keys.ts';
import { follow, type LiveState } from './live.ts';
import { type Page, PageContext } from './page.ts';
import { placeOf } from './place.ts';
import { SignIn } from './signIn.tsx';
import { tokenKeeper } from './token.ts';

const keeper = tokenKeeper(window, window.sessionStorage);
const url = window.location.origin;

function start(token: string): void {
  const said = signal('');
  const say = (text: string): void => {
    // The same words once more are news, too.
    said.value = '';
    said.value = text;
  };
  const client = createClient({ url, token, fetch: guarded });
  const writes = signal(false);
  const page: Page = {
    client,
    writes,
    place: placeOf(window),
    keys: keysOf(window),
    follow: (filter, tell) => follow({ url, token }, filter, tell),
    live: signal<LiveState | undefined>(undefined),
    say,
    copy: (what, text) => {
      navigator.clipboard.writeText(text).then(
        () => say(`${what} is in the clipboard`),
        () => say(`${what} could not be copied: the browser does not allow it`),
      );
    },
  };
  client.health().then(
    ({ capabilities }) => {
      writes.value = capabilities.writes;
    },
    // What is shown says what is wrong.
    () => undefined,
  );
  render(
    <PageContext.Provider value={page}>
      <App said={said} />
    </PageContext.Provider>,
    document.body,
  );
}

/** A token that is no longer right is asked for anew. */
async function guarded(...args: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...args);
  if (response.status === 401) {
    keeper.forget();
    askFor('The token is not, or no longer, the right one.');
  }
  return response;
}

function askFor(why: string): void {
  const given = (token: string): void => {
    keeper.keep(token);
    // From the start, with nothing left of before.
    window.location.reload();
  };
  render(<SignIn why={why} given={given} />, document.body);
}

const token = await keeper.read();
if (token === undefined) askFor('');
else start(token);
