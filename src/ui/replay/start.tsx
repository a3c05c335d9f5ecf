/** Where a replay begins: against what, how often and how, with the command that does the same; a mock and a case of the session. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../api/client.ts';
import { asError } from '../loading.ts';
import { usePage } from '../page.ts';
import { wordsOf } from '../parts/states.tsx';
import { plain } from '../parts/text.tsx';
import { hrefOf } from '../place.ts';
import type { Session } from '../session/data.ts';
import { plural } from '../words.ts';
import { MockStart } from './mocks.tsx';
import { SaveCase } from './saveCase.tsx';

/** Of the API. */
const MAX_REPEAT = 100;

export interface StartProps {
  readonly session: Session;
  readonly plan: Answer<'plan'>;
  readonly targets: Answer<'replayTargets'>;
  readonly allow: readonly string[];
}

export function Start({ session, plan, targets, allow }: StartProps): VNode {
  const { client, place, copy } = usePage();
  const [target, choose] = useState(targets.items[0]?.name ?? '');
  const [stepwise, step] = useState(true);
  const [skipBlocked, skip] = useState(false);
  const [learn, learns] = useState(false);
  const [repeat, repeats] = useState(1);
  const [problem, tell] = useState('');
  const blocked = plan.steps.filter((one) => one.blocked.length > 0).length;
  const flags = allow.map((tool) => ` --allow ${quoted(tool)}`).join('');
  const command = `sidelight replay ${session.id}${flags} --execute -- <command of the server>`;
  const start = (): void => {
    const runs = stepwise ? {} : { repeat, learn };
    client.startReplay({ session: session.id, target, allow, stepwise, skipBlocked, ...runs }).then(
      ({ id }) => place.go(hrefOf(['replays', id])),
      (error: unknown) => tell(wordsOf(asError(error))),
    );
  };
  return (
    <div class="view-tools">
      <span>
        {plural(plan.steps.length, 'step')}
        {blocked > 0 && <b class="warn-text">, {blocked} will not be sent</b>}
      </span>
      {targets.enabled && targets.items.length > 0 ? (
        <>
          <label>
            against{' '}
            <select value={target} onChange={(event) => choose(event.currentTarget.value)}>
              {targets.items.map(({ name, kind }) => (
                <option key={name} value={name}>
                  {plain(name, 60)} ({kind})
                </option>
              ))}
            </select>
          </label>
          <label>
            <input
              type="checkbox"
              checked={stepwise}
              onChange={(event) => step(event.currentTarget.checked)}
            />
            step by step
          </label>
          {!stepwise && (
            <>
              <label title="Twice more before: what these two differ in may differ">
                <input
                  type="checkbox"
                  checked={learn}
                  onChange={(event) => learns(event.currentTarget.checked)}
                />
                learn what changes
              </label>
              <label>
                <input
                  type="number"
                  min={1}
                  max={MAX_REPEAT}
                  value={repeat}
                  onInput={(event) => repeats(timesOf(event.currentTarget.value))}
                />{' '}
                {repeat === 1 ? 'time' : 'times'}
              </label>
            </>
          )}
          {blocked > 0 && (
            <label>
              <input
                type="checkbox"
                checked={skipBlocked}
                onChange={(event) => skip(event.currentTarget.checked)}
              />
              leave out what is not sent
            </label>
          )}
          <button type="button" onClick={start}>
            Run again
          </button>
        </>
      ) : (
        <span class="faint">
          {targets.enabled
            ? 'replay.targets of the configuration names no server to run this against.'
            : 'To run it from here, start sidelight serve --enable-replay, with servers in replay.targets of the configuration.'}
        </span>
      )}
      <button type="button" onClick={() => copy('The command', command)}>
        Copy command
      </button>
      {targets.enabled && <MockStart session={session} />}
      <SaveCase session={session.id} wishes={{ allow }} />
      {problem !== '' && (
        <p class="bad-text" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** As the API takes them. */
function timesOf(written: string): number {
  const times = Math.round(Number(written));
  return times >= 1 ? Math.min(times, MAX_REPEAT) : 1;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
