/** Asks for the token where there is none. It shows nothing recorded. */
import type { TargetedSubmitEvent, VNode } from 'preact';
import { useState } from 'preact/hooks';
import { tokenIn } from './token.ts';

export function SignIn({
  why,
  given,
}: {
  readonly why: string;
  readonly given: (token: string) => void;
}): VNode {
  const [problem, tell] = useState(why);
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const written = new FormData(event.currentTarget).get('token');
    const token = typeof written === 'string' ? tokenIn(written) : undefined;
    if (token === undefined)
      tell(
        'That is no token: 40 or more letters, digits, dots, _ and - are expected, or the link that ends in them.',
      );
    else given(token);
  };
  return (
    <main class="sign-in">
      <h1>Sidelight</h1>
      <p>
        This tab does not know the token. Open the link that <code>sidelight serve</code> printed, or paste it
        here. The token alone is in the file <code>api.token</code> of the data folder; for the recordings of
        a fleet it is one of <code>sidelight token create</code> or of the issuer that signs you in.
      </p>
      <form onSubmit={submit}>
        <label for="token">Link or token</label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck={false} autofocus />
        <button type="submit">Open</button>
      </form>
      {problem !== '' && <p role="alert">{problem}</p>}
    </main>
  );
}
