/** One frame whole: what is known of it, its payload as a tree or as text, its media, and what can be made of it elsewhere. */
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { useAsked } from '../loading.ts';
import { usePage } from '../page.ts';
import { Async } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import type { Known, Session } from '../session/data.ts';
import type { Frame } from '../session/frames.ts';
import { exact, offset, plural, size } from '../words.ts';
import { copiesOf } from './copies.ts';
import { Envelope } from './envelope.tsx';
import { Lines } from './lines.tsx';
import { Media, mediaIn } from './media.tsx';
import { Tree } from './tree.tsx';
import { pathText } from './treeRows.ts';

interface Loaded {
  readonly frame: Frame;
  /** Undefined where it is not UTF-8. */
  readonly text: string | undefined;
  readonly bytes: number;
  /** Undefined where it is no JSON. */
  readonly value: unknown;
}

export const DIRECTION = {
  client_to_server: { sign: '→', words: 'client to server' },
  server_to_client: { sign: '←', words: 'server to client' },
  stderr: { sign: '⚑', words: 'stderr of the server' },
} as const;

export function Message({ known, seq }: { readonly known: Known; readonly seq: number }): VNode {
  const { client } = usePage();
  const { session, operations } = known;
  const { state, again } = useAsked(`${session.id} ${seq}`, async (): Promise<Loaded> => {
    const [{ items }, bytes] = await Promise.all([
      client.frames(session.id, { from: seq, to: seq, payload: 'none' }),
      client.frameBytes(session.id, seq),
    ]);
    const [frame] = items;
    if (frame === undefined) throw new Error('the session has no such frame');
    const text = utf8(bytes);
    return { frame, text, bytes: bytes.length, value: text === undefined ? undefined : jsonOf(text) };
  });
  return (
    <Async state={state} what={`Reading message ${seq}`} again={again}>
      {(loaded) => (
        <Shown
          session={session}
          loaded={loaded}
          path={operations.find(({ operationId }) => operationId === loaded.frame.operationId)?.http?.path}
        />
      )}
    </Async>
  );
}

interface ShownProps {
  readonly session: Session;
  readonly loaded: Loaded;
  /** Of the request over HTTP. */
  readonly path: string | undefined;
}

function Shown({ session, loaded, path }: ShownProps): VNode {
  const { place, copy } = usePage();
  const { frame, text, value, bytes } = loaded;
  const [whole, readWhole] = useState<{ readonly name: string; readonly text: string } | undefined>(
    undefined,
  );
  const media = useMemo(() => mediaIn(value), [value]);
  const hasTree = typeof value === 'object' && value !== null;
  const isText = place.now.value.query.as === 'text' || !hasTree;
  return (
    <article class="message" aria-label={`Message ${frame.seq}`}>
      <header>
        <p class="message-facts">
          <b>{DIRECTION[frame.channel].words}</b> <span class="tag">{frame.kind}</span>{' '}
          {frame.method !== undefined && <Text max={200}>{frame.method}</Text>}{' '}
          <span class="faint" title={exact(frame.atUs)}>
            message {frame.seq}, {offset(frame.atUs - session.startedAtUs)}, {size(frame.sizeBytes)}
          </span>
        </p>
        <p class="actions">
          {hasTree && (
            <button
              type="button"
              aria-pressed={isText}
              onClick={() => place.set({ as: isText ? undefined : 'text' }, true)}
            >
              As text
            </button>
          )}
          {text !== undefined &&
            copiesOf(session, value, text, path).map((one) => (
              <button
                key={one.name}
                type="button"
                title={`Copy: ${one.name}`}
                onClick={() => copy(one.name, one.text())}
              >
                Copy {one.name}
              </button>
            ))}
        </p>
        <Missing frame={frame} bytes={bytes} />
      </header>
      <Media media={media} />
      {frame.kind === 'http' && !isText && <Envelope value={value} />}
      {whole !== undefined ? (
        <section class="whole-text" aria-label={`Text at ${whole.name}`}>
          <p class="actions">
            <button type="button" onClick={() => readWhole(undefined)}>
              Back to the message
            </button>
            <button type="button" onClick={() => copy('The text', whole.text)}>
              Copy text
            </button>
            <code>{whole.name}</code>
          </p>
          <Lines text={whole.text} label={`Text at ${whole.name}`} />
        </section>
      ) : isText ? (
        text !== undefined && text !== '' && <Lines text={text} label={`Message ${frame.seq} as text`} />
      ) : frame.kind === 'http' ? null : (
        <Tree
          key={frame.seq}
          value={value}
          label={`Message ${frame.seq}`}
          read={(at, long) => readWhole({ name: pathText(at), text: long })}
        />
      )}
    </article>
  );
}

/** What of the message is not, or not as it was, in the recording. */
function Missing({ frame, bytes }: { readonly frame: Frame; readonly bytes: number }): VNode | null {
  const { truncated, redactions, elided, sizeBytes, kind } = frame;
  const notes = [
    truncated && `cut: ${size(bytes)} of ${size(sizeBytes)} are recorded`,
    redactions > 0 && `${plural(redactions, 'value')} redacted`,
    elided > 0 &&
      `${plural(elided, 'image or sound', 'images or sounds')} left out (record them with --record-media)`,
    bytes === 0 && sizeBytes > 0 && kind !== 'gap' && !truncated && 'its body is not in the recording',
  ].filter((note) => note !== false);
  return notes.length === 0 ? null : <p class="notice">{notes.join('; ')}</p>;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes.subarray(0, 4096), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
