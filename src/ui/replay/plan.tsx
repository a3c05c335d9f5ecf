/** What running a session again would do: its steps, how safe each is, what is in the way, which live values are sent. */
import type { VNode } from 'preact';
import type { Answer } from '../../api/client.ts';
import { useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { Mark, type Tone } from '../parts/marks.tsx';
import { Async, Empty } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import type { Session } from '../session/data.ts';
import { Start } from './start.tsx';

type Plan = Answer<'plan'>;
type Step = Plan['steps'][number];

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
