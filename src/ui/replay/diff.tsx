/** What one step was answered then and now, side by side, with what differs; a click on a path lets it differ from now on. */
import type { VNode } from 'preact';
import { useAsked } from '../loading.ts';
import { Tree } from '../message/tree.tsx';
import { usePage } from '../page.ts';
import { Async } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';

/** How closely answers are compared. */
export const LEVELS = ['outcome', 'shape', 'semantic', 'strict'] as const;
export type Level = (typeof LEVELS)[number];

export interface StepDiffProps {
  readonly replay: string;
  readonly step: number;
  readonly rules: {
    readonly level: Level;
    readonly ignore: readonly string[];
    readonly run: number | undefined;
  };
}

/** Of one step; the trees have all. */
const MAX_DIFFERENCES = 200;

export function StepDiff({ replay, step, rules }: StepDiffProps): VNode {
  const { client, place } = usePage();
  const { state, again } = useAsked(
    `${replay} ${step} ${rules.run ?? ''} ${rules.level} ${rules.ignore.join('\n')}`,
    () => client.replayStep(replay, step, rules),
  );
  return (
    <section class="step-diff" aria-label={`Step ${step}, then and now`}>
      <Async state={state} what={`Reading step ${step}`} again={again}>
        {({ differences, recorded, answer, params }) => (
          <>
            {differences.length > 0 && (
              <ul class="differences">
                {differences.slice(0, MAX_DIFFERENCES).map(({ path, kind, expected, actual }) => (
                  <li key={`${path} ${kind}`}>
                    <button
                      type="button"
                      title="May differ from now on"
                      onClick={() => place.set({ ignore: [...rules.ignore, path].join('\n') }, true)}
                    >
                      Ignore {plain(path, 100)}
                    </button>{' '}
                    <span class="tag">{kind}</span> <Short value={expected} />{' '}
                    <span aria-hidden="true">→</span>
                    <span class="sr-only">became</span> <Short value={actual} />
                  </li>
                ))}
              </ul>
            )}
            <div class="sides">
              <div>
                <h2>Then</h2>
                <Tree value={recorded ?? { params }} label="What it was answered then" />
              </div>
              <div>
                <h2>Now</h2>
                <Tree value={answer ?? {}} label="What it was answered now" />
              </div>
            </div>
          </>
        )}
      </Async>
    </section>
  );
}

function Short({ value }: { readonly value: unknown }): VNode {
  return (
    <code>
      <Text max={120}>{value === undefined ? 'nothing' : JSON.stringify(value)}</Text>
    </code>
  );
}
