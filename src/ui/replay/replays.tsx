/** The replays of this server: those that run, and the last that are over. */
import type { VNode } from 'preact';
import { useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { Async, Empty } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { clock, shortId } from '../words.ts';
import { Mocks } from './mocks.tsx';
import { StateMark } from './replay.tsx';

export function Replays(): VNode {
  const { client } = usePage();
  const { state, again } = useAsked('replays', async () => {
    const { enabled } = await client.replayTargets();
    return { items: enabled ? (await client.replays()).items : undefined };
  });
  return (
    <div class="page">
      <h1 class="sr-only">Replays and mocks</h1>
      <Async state={state} what="Reading the replays" again={again}>
        {({ items }) => {
          if (items === undefined)
            return (
              <Empty title="Replays are off">
                <p>
                  Start <code>sidelight serve --enable-replay</code>, and name the servers that sessions may
                  be run against in <code>replay.targets</code> of the configuration. The plan of a session is
                  there without it.
                </p>
              </Empty>
            );
          return (
            <>
              <Mocks />
              {items.length === 0 && (
                <Empty title="Nothing was run again yet">
                  <p>Open a session, and see what its Replay would send.</p>
                </Empty>
              )}
              <ul class="replays">
                {items.map(({ id, server, target, state: how, done, steps, startedAtUs, session }) => (
                  <li key={id}>
                    <Link href={hrefOf(['replays', id])}>
                      <Text max={100}>{server}</Text> against {plain(target, 60)}
                    </Link>{' '}
                    <StateMark state={how} /> {done} of {steps} steps{' '}
                    <span class="faint">
                      {clock(startedAtUs, Date.now())}, session {shortId(session)}
                    </span>
                  </li>
                ))}
              </ul>
            </>
          );
        }}
      </Async>
    </div>
  );
}
