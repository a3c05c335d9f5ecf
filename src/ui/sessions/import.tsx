/** A file of recordings into the store: chosen, or dropped on the list. It says what came of it, and what was left out. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer } from '../../api/client.ts';
import { asError } from '../loading.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { wordsOf } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { count, plural, shortId } from '../words.ts';

type Imported = Answer<'import'>;
type State =
  | { readonly is: 'reading'; readonly file: string }
  | { readonly is: 'done'; readonly file: string; readonly imported: Imported }
  | { readonly is: 'failed'; readonly file: string; readonly words: string };

/** Links to sessions; the list has all. */
const MAX_LINKS = 10;

/** `done` is called with each file that was read. */
export function Import({ done }: { readonly done: () => void }): VNode {
  const { client } = usePage();
  const input = useRef<HTMLInputElement>(null);
  const [state, show] = useState<State | undefined>(undefined);
  const [isOver, over] = useState(false);
  const take = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    show({ is: 'reading', file: file.name });
    try {
      const imported = await client.import(file);
      show({ is: 'done', file: file.name, imported });
      done();
    } catch (cause) {
      show({ is: 'failed', file: file.name, words: wordsOf(asError(cause)) });
    }
  };
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const drag = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      // Without this the browser opens the file in the place of the page.
      event.preventDefault();
      over(event.type === 'dragover');
    };
    const drop = (event: DragEvent): void => {
      drag(event);
      void latest.current(event.dataTransfer?.files[0]);
    };
    window.addEventListener('dragover', drag);
    window.addEventListener('dragleave', drag);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', drag);
      window.removeEventListener('dragleave', drag);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return (
    <>
      <button
        type="button"
        title="A recording, a HAR file, a log: or drop it here"
        disabled={state?.is === 'reading'}
        onClick={() => input.current?.click()}
      >
        Import
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label="The file to import"
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          // The same file once more is a change, too.
          event.currentTarget.value = '';
        }}
      />
      {isOver && <div class="drop">Drop a file to import it</div>}
      {state !== undefined && <Told state={state} close={() => show(undefined)} />}
    </>
  );
}

function Told({ state, close }: { readonly state: State; readonly close: () => void }): VNode {
  return (
    <div class={`imported ${state.is}`} role={state.is === 'failed' ? 'alert' : 'status'}>
      <b>{plain(state.file, 80)}</b>{' '}
      {state.is === 'reading' && (
        <>
          <span class="spinner" aria-hidden="true" /> is read …
        </>
      )}
      {state.is === 'failed' && <span class="bad-text">{state.words}</span>}
      {state.is === 'done' && <Came imported={state.imported} />}
      {state.is !== 'reading' && (
        <button type="button" class="plain" aria-label="Close" onClick={close}>
          ✕
        </button>
      )}
    </div>
  );
}

function Came({
  imported: { sessions, format, leftOut, leftOutCount },
}: {
  readonly imported: Imported;
}): VNode {
  return (
    <>
      {plural(sessions.length, 'session')} imported, read as {format}:{' '}
      {sessions.slice(0, MAX_LINKS).map(({ id }, index) => (
        <span key={id}>
          {index > 0 && ', '}
          <Link href={hrefOf(['sessions', id])}>{shortId(id)}</Link>
        </span>
      ))}
      {sessions.length > MAX_LINKS && ` and ${count(sessions.length - MAX_LINKS)} more`}
      {leftOutCount > 0 && (
        <details>
          <summary>{plural(leftOutCount, 'thing')} left out</summary>
          <ul>
            {leftOut.map(({ what, line }, index) => (
              <li key={index}>
                {line !== undefined && `line ${line}: `}
                <Text max={200}>{what}</Text>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
