/** What running a session again would do: its steps, how safe each is, what is in the way, which live values are sent; and the start. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../api/client.ts';
import { asError, useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Mark, type Tone } from '../parts/marks.tsx';
import { Async, Empty, wordsOf } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import type { Session } from '../session/data.ts';
import { plural } from '../words.ts';

type Plan = Answer<'plan'>;
type Step = Plan['steps'][number];
type Targets = Answer<'replayTargets'>;

const SAFETY: Readonly<Record<Step['safety'], readonly [Tone, string]>> = {
  safe: ['good', 'safe'],
  read_only: ['good', 'read only'],
  allowed: ['warn', 'allowed'],
  destructive: ['bad', 'destructive'],
  unknown: ['warn', 'may write'],
};
/** Of the page; `sidelight replay` shows all. */
const MAX_STEPS = 1000;

export function PlanView({ session }: { readonly session: Session }): VNode {
  const { client, place } = usePage();
  const allow = listOf(place.now.value.query.allow);
  const { state, again } = useAsked(`${session.id} ${allow.join('\n')}`, async () => {
    const [plan, targets] = await Promise.all([client.plan(session.id, { allow }), client.replayTargets()]);
    return { plan, targets };
  });
  return (
    <div class="plan">
      <Async state={state} what="Planning" again={again}>
        {({ plan, targets }) =>
          plan.steps.length === 0 ? (
            <Empty title="There is nothing to run again">
              <p>No request of the client is in the recording.</p>
            </Empty>
          ) : (
            <>
              <Start session={session} plan={plan} targets={targets} allow={allow} />
              <Steps plan={plan} allow={allow} />
            </>
          )
        }
      </Async>
    </div>
  );
}

/** Names in one parameter of the URL, a line each. */
export function listOf(written: string | undefined): readonly string[] {
  return (written ?? '').split('\n').filter((name) => name !== '');
}

interface StartProps {
  readonly session: Session;
  readonly plan: Plan;
  readonly targets: Targets;
  readonly allow: readonly string[];
}

function Start({ session, plan, targets, allow }: StartProps): VNode {
  const { client, place, copy } = usePage();
  const [target, choose] = useState(targets.items[0]?.name ?? '');
  const [stepwise, step] = useState(true);
  const [skipBlocked, skip] = useState(false);
  const [problem, tell] = useState('');
  const blocked = plan.steps.filter((one) => one.blocked.length > 0).length;
  const flags = allow.map((tool) => ` --allow ${quoted(tool)}`).join('');
  const command = `sidelight replay ${session.id}${flags} --execute -- <command of the server>`;
  const start = (): void => {
    client.startReplay({ session: session.id, target, allow, stepwise, skipBlocked }).then(
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
      {problem !== '' && (
        <p class="bad-text" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function Steps({ plan, allow }: { readonly plan: Plan; readonly allow: readonly string[] }): VNode {
  const { place } = usePage();
  const toggle = (tool: string): void => {
    const names = allow.includes(tool) ? allow.filter((one) => one !== tool) : [...allow, tool];
    place.set({ allow: names.join('\n') }, true);
  };
  return (
    <div class="scroll" role="region" aria-label="Steps" tabIndex={0}>
      <table class="steps">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">What is sent</th>
            <th scope="col">Safety</th>
            <th scope="col">Then</th>
            <th scope="col">In its way, and what it takes from live answers</th>
          </tr>
        </thead>
        <tbody>
          {plan.steps.slice(0, MAX_STEPS).map(({ step, method, target, safety, blocked, outcome, asks }) => {
            const [tone, words] = SAFETY[safety];
            const isTool = method === 'tools/call' && target !== undefined;
            return (
              <tr key={step} class={blocked.length > 0 ? 'blocked' : ''}>
                <td>{step}</td>
                <th scope="row">
                  <Text max={120}>{target ?? method}</Text>{' '}
                  {target !== undefined && (
                    <span class="faint">
                      <Text max={60}>{method}</Text>
                    </span>
                  )}
                </th>
                <td>
                  <Mark tone={tone}>{words}</Mark>
                  {isTool && (safety === 'unknown' || safety === 'destructive' || safety === 'allowed') && (
                    <label>
                      <input
                        type="checkbox"
                        checked={allow.includes(target)}
                        onChange={() => toggle(target)}
                      />
                      allow
                    </label>
                  )}
                </td>
                <td class="faint">{outcome?.replaceAll('_', ' ')}</td>
                <td>
                  {blocked.map((why) => (
                    <p key={why} class="warn-text">
                      <Text max={300}>{why}</Text>
                    </p>
                  ))}
                  {asks.map((ask, index) => (
                    <p key={index} class="faint">
                      the server asked <Text max={60}>{ask.method}</Text>
                      {ask.answered ? ', and gets the recorded answer' : ''}
                    </p>
                  ))}
                  {plan.bindings
                    .filter(({ to }) => to === step)
                    .map(({ from, path, into }, index) => (
                      <p key={index}>
                        <code>
                          <Text max={120}>{into}</Text>
                        </code>{' '}
                        from step {from},{' '}
                        <code>
                          <Text max={120}>{path}</Text>
                        </code>
                      </p>
                    ))}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {plan.steps.length > MAX_STEPS && (
        <p class="faint">{plan.steps.length - MAX_STEPS} more: sidelight replay</p>
      )}
    </div>
  );
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
