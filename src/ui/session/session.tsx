/** The page of one session: who, how it went, and its views. It follows the session while it is recorded. */
import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { StatusMark } from '../parts/marks.tsx';
import { Failed, Waiting } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { PlanView } from '../replay/plan.tsx';
import { Pin } from '../sessions/row.tsx';
import { count, duration, exact, plural, shortId } from '../words.ts';
import { type Known, type Session, SessionData } from './data.ts';
import { Detail } from './detail.tsx';
import { Frames } from './frames.ts';
import { Http } from './http.tsx';
import { Log } from './log.tsx';
import { Messages } from './messages.tsx';
import { NoteBox } from './note.tsx';
import { ProgressTimes } from './progress.ts';
import { Sequence } from './sequence.tsx';
import { Summary } from './summary.tsx';
import { Tools } from './tools.tsx';
import { Waterfall } from './waterfall.tsx';

const VIEWS = [
  { view: 'summary', name: 'Summary', key: 'g u' },
  { view: 'waterfall', name: 'Waterfall', key: 'g w' },
  { view: 'sequence', name: 'Sequence', key: 'g q' },
  { view: 'messages', name: 'Messages', key: 'g m' },
  { view: 'log', name: 'Log', key: 'g l' },
  { view: 'tools', name: 'Tools', key: 'g o' },
  { view: 'http', name: 'HTTP', key: 'g h' },
  { view: 'replay', name: 'Replay', key: 'g r' },
] as const;
type View = (typeof VIEWS)[number]['view'];

export function SessionPage({ id }: { readonly id: string }): VNode {
  const page = usePage();
  const { client, live } = page;
  const data = useMemo(() => new SessionData(client, id), [client, id]);
  useEffect(() => {
    void data.load();
    return () => data.close();
  }, [data]);
  const known = data.known.value;
  const error = data.error.value;
  const sessionId = known?.session.id;
  const isOver = known !== undefined && known.session.status !== 'live';
  useEffect(() => {
    if (sessionId === undefined || isOver) return;
    const following = page.follow(`session:${sessionId}`, (message) => data.take(message));
    const unsubscribe = following.state.subscribe((state) => {
      live.value = state;
    });
    return () => {
      unsubscribe();
      following.stop();
      live.value = undefined;
    };
  }, [data, sessionId, isOver]);
  if (known !== undefined) return <Shown data={data} known={known} />;
  return error === undefined ? (
    <Waiting what="Reading the session" />
  ) : (
    <Failed error={error} again={() => void data.load()} />
  );
}

function Shown({ data, known }: { readonly data: SessionData; readonly known: Known }): VNode {
  const { client, place, keys } = usePage();
  const { session } = known;
  const { view: written, op, frame } = place.now.value.query;
  const view: View = VIEWS.find((one) => one.view === written)?.view ?? 'waterfall';
  const frames = useMemo(() => new Frames(client, session.id, session.frames), [client, session.id]);
  const progress = useMemo(() => new ProgressTimes(client), [client]);
  useEffect(() => frames.grow(session.frames), [frames, session.frames]);
  const tabs = VIEWS.filter((one) => one.view !== 'http' || session.transport === 'http');
  const hasDetail = op !== undefined || frame !== undefined;
  useKeys(keys, [
    ...tabs.map((one) => ({
      key: one.key,
      does: `see ${one.name}`,
      run: () => place.set({ view: one.view }),
    })),
    {
      key: 'Escape',
      does: 'close what is open',
      run: () => (hasDetail ? place.set({ op: undefined, frame: undefined, as: undefined }) : place.go('/')),
    },
  ]);
  const views: Readonly<Record<View, () => VNode>> = {
    summary: () => <Summary known={known} />,
    waterfall: () => <Waterfall known={known} progress={progress} />,
    sequence: () => <Sequence known={known} frames={frames} />,
    messages: () => <Messages session={session} frames={frames} />,
    log: () => <Log session={session} />,
    tools: () => <Tools known={known} />,
    http: () => <Http session={session} />,
    replay: () => <PlanView session={session} />,
  };
  return (
    <div class="page session">
      <Header data={data} known={known} />
      <nav class="tabs" aria-label="Views of the session">
        {tabs.map((one) => (
          <Link key={one.view} href={place.with({ view: one.view })} current={one.view === view}>
            {one.name}
            {one.view === 'summary' && known.findings.length > 0 && (
              <span class="badge warn" title={plural(known.findings.length, 'finding')}>
                {count(session.findings)}
              </span>
            )}
          </Link>
        ))}
      </nav>
      <div class={`split ${hasDetail ? 'with-detail' : ''}`}>
        <section class="view" aria-label={VIEWS.find((one) => one.view === view)?.name}>
          {views[view]()}
        </section>
        {hasDetail && <Detail known={known} op={op} seq={frame} />}
      </div>
    </div>
  );
}

function Header({ data, known }: { readonly data: SessionData; readonly known: Known }): VNode {
  const { place, writes } = usePage();
  const { session, verdict } = known;
  const { server, clientInfo, status, startedAtUs, endedAtUs, transport, protocolVersion } = session;
  const [first] = verdict?.problems ?? [];
  const [notes, note] = useState(false);
  const saved = (changed: Session): void => {
    data.put(changed);
    note(false);
  };
  useEffect(() => {
    document.title = `${plain(server, 60)} ${shortId(session.id)} – Sidelight`;
    return () => {
      document.title = 'Sidelight';
    };
  }, [server, session.id]);
  return (
    <header class="session-head">
      <div class="line-1">
        <h1>
          <Text max={120}>{server}</Text>
        </h1>
        <StatusMark status={status} />
        <span class="faint">
          <Text max={120}>{clientInfo.name ?? 'a client without a name'}</Text>, {transport}{' '}
          <Text max={40}>{protocolVersion ?? ''}</Text>,{' '}
          <time title={exact(startedAtUs)}>{exact(startedAtUs).slice(0, 19)}</time>
          {endedAtUs !== undefined && `, ${duration(endedAtUs - startedAtUs)}`}
        </span>
        <span class="spring" />
        <code class="faint">{shortId(session.id)}</code>
        <Pin session={session} changed={(changed) => data.put(changed)} />
        {writes.value && (
          <button type="button" class="plain" aria-expanded={notes} onClick={() => note(!notes)}>
            {session.note === undefined ? 'Add a note' : 'Note'}
          </button>
        )}
      </div>
      {session.note !== undefined && !notes && (
        <p class="note">
          <Text max={2000} lines>
            {session.note}
          </Text>
        </p>
      )}
      {notes && <NoteBox session={session} saved={saved} />}
      {verdict !== undefined && (
        <div class={`verdict ${verdict.healthy ? 'good' : 'bad'}`}>
          <p class="headline">
            <span aria-hidden="true">{verdict.healthy ? '✓' : '✕'}</span>{' '}
            <Text max={500}>{verdict.headline}</Text>
          </p>
          {first !== undefined && (
            <Link
              class="why"
              href={
                first.operationId !== undefined
                  ? place.with({ op: first.operationId, frame: undefined })
                  : place.with({ view: 'summary', frame: first.seq })
              }
            >
              {first.hint === '' ? 'Look' : <Text max={160}>{first.hint}</Text>}
            </Link>
          )}
        </div>
      )}
    </header>
  );
}
