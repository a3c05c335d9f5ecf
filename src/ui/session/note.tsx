/** The note of a session, to be written by the person. */
import type { TargetedSubmitEvent, VNode } from 'preact';
import { usePage } from '../page.ts';
import { plain } from '../parts/text.tsx';
import type { Session } from './data.ts';

export function NoteBox({
  session,
  saved,
}: {
  readonly session: Session;
  readonly saved: (session: Session) => void;
}): VNode {
  const { client, say } = usePage();
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const written = new FormData(event.currentTarget).get('note');
    const text = typeof written === 'string' ? written.trim() : '';
    (text === '' ? client.removeNote(session.id) : client.note(session.id, text)).then(
      (now) => {
        saved(now);
        say(text === '' ? 'The note is gone' : 'The note is written');
      },
      (error: unknown) => say(plain(String(error))),
    );
  };
  return (
    <form class="note-box" onSubmit={submit}>
      <label for="note">Note on this session</label>
      <textarea id="note" name="note" rows={3} defaultValue={session.note ?? ''} autofocus />
      <button type="submit">Save</button>
    </form>
  );
}
