/** The mocks of this server: what listens, what of each recording was asked for, and what besides. They are looked at once a second. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../../api/client.ts';
import { asError, useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { Mark } from '../parts/marks.tsx';
import { wordsOf } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import type { Session } from '../session/data.ts';
import { count, shortId } from '../words.ts';

type Mock = Answer<'mock'>;

const LOOK_MS = 1000;
/** Of each kind; `sidelight mock --json-report` has all. */
const MAX_SHOWN = 20;

/** Starts one of a session. */
export function MockStart({ session }: { readonly session: Session }): VNode {
  const { client, place } = usePage();
  const [problem, tell] = useState('');
  const start = (): void => {
    client.startMock({ session: session.id }).then(
      () => place.go(hrefOf(['replays'])),
      (error: unknown) => tell(wordsOf(asError(error))),
    );
  };
  return (
    <>
      <button type="button" title="Its answers again, as a server on this machine" onClick={start}>
        Start a mock
      </button>
      {problem !== '' && (
        <p class="bad-text" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

/** Nothing where there is none. */
export function Mocks(): VNode | null {
  const { client, say } = usePage();
  const { state, again } = useAsked('mocks', () => client.mocks());
  const items = state.is === 'ready' ? state.value.items : (state.before?.items ?? []);
  const isListening = items.some((mock) => mock.state === 'listening');
  useEffect(() => {
    if (!isListening) return;
    const timer = setInterval(again, LOOK_MS);
    return () => clearInterval(timer);
  }, [isListening, again]);
  if (items.length === 0) return null;
  const stop = (id: string): void => {
    client.stopMock(id).then(again, (error: unknown) => say(wordsOf(asError(error))));
  };
  return (
    <section class="mocks" aria-labelledby="mocks">
      <h2 id="mocks">Mocks</h2>
      <ul>
        {items.map((mock) => (
          <MockItem key={mock.id} mock={mock} stop={() => stop(mock.id)} />
        ))}
      </ul>
    </section>
  );
}

function MockItem({ mock, stop }: { readonly mock: Mock; readonly stop: () => void }): VNode {
  const { copy } = usePage();
  const { id, server, session, state, url, problems, problemCount, coverage } = mock;
  const { used, recorded, unused, unknown, unknownCount } = coverage;
  const isListening = state === 'listening';
  return (
    <li>
      <p>
        <b>
          <Text max={100}>{server}</Text>
        </b>{' '}
        <Mark tone={isListening ? 'live' : 'quiet'}>{state}</Mark>{' '}
        <Link href={hrefOf(['sessions', session])}>session {shortId(session)}</Link>{' '}
        {isListening && (
          <>
            <code class="mock-url">{url}</code>{' '}
            <button type="button" onClick={() => copy('The address', url)}>
              Copy address
            </button>{' '}
            <button type="button" onClick={stop}>
              Stop
            </button>
          </>
        )}
      </p>
      <p>
        <progress value={used} max={Math.max(1, recorded)} aria-label="Recorded requests that were used" />{' '}
        {count(used)} of {count(recorded)} recorded requests used
        {unknownCount > 0 && <b class="warn-text">, {count(unknownCount)} unknown</b>}
      </p>
      {(unused.length > 0 || unknown.length > 0 || problemCount > 0) && (
        <details>
          <summary>What was not asked for, and what besides</summary>
          <ul>
            {unknown.slice(0, MAX_SHOWN).map(({ method, target, reason, differences }, index) => (
              <li key={`unknown ${index}`}>
                unknown: <Name {...{ method, target }} />, <Text max={200}>{reason}</Text>
                {differences.length > 0 && (
                  <>
                    {': '}
                    <Text max={300}>{differences.join(', ')}</Text>
                  </>
                )}
              </li>
            ))}
            {unused.slice(0, MAX_SHOWN).map(({ method, target, frame }) => (
              <li key={`${id} ${frame}`}>
                never asked for:{' '}
                <Link href={hrefOf(['sessions', session], { frame })}>
                  <Name {...{ method, target }} />
                </Link>
              </li>
            ))}
            {problems.slice(0, MAX_SHOWN).map((line) => (
              <li key={line}>{plain(line)}</li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

function Name({ method, target }: { readonly method: string; readonly target?: string | undefined }): VNode {
  return (
    <>
      <Text max={60}>{method}</Text>
      {target !== undefined && (
        <>
          {' '}
          <Text max={100}>{target}</Text>
        </>
      )}
    </>
  );
}
