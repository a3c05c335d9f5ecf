/** A session at a glance: what went wrong and what to try, what was found, and every fact that is known of it. */
import type { VNode } from 'preact';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { SeverityMark } from '../parts/marks.tsx';
import { saveAs } from '../parts/save.ts';
import { Waiting } from '../parts/states.tsx';
import { plain, Text } from '../parts/text.tsx';
import { count, exact, offset, plural, size } from '../words.ts';
import type { Finding, Known, Session, Verdict } from './data.ts';

/** The others are one click away, in the list of operations. */
const MAX_PROBLEMS = 50;
const MAX_FINDINGS = 200;

export function Summary({ known }: { readonly known: Known }): VNode {
  const { session, verdict, findings } = known;
  return (
    <div class="summary">
      <section aria-labelledby="problems">
        <h2 id="problems">What went wrong</h2>
        {verdict === undefined ? (
          <Waiting what="Looking for a cause" />
        ) : (
          <Problems session={session} verdict={verdict} />
        )}
      </section>
      <section aria-labelledby="findings">
        <h2 id="findings">Findings</h2>
        <Findings session={session} findings={findings} />
      </section>
      <section aria-labelledby="facts">
        <h2 id="facts">Facts</h2>
        <Facts session={session} />
      </section>
      <section aria-labelledby="export">
        <h2 id="export">Take it elsewhere</h2>
        <Exports session={session} />
      </section>
    </div>
  );
}

function Problems({ session, verdict }: { readonly session: Session; readonly verdict: Verdict }): VNode {
  const { problems, headline } = verdict;
  if (problems.length === 0) return <p class="good-text">{plain(headline)}</p>;
  return (
    <ol class="problems">
      {problems
        .slice(0, MAX_PROBLEMS)
        .map(({ severity, what, count: times, hint, operationId, seq, atUs }, index) => (
          <li key={index}>
            <p>
              <SeverityMark severity={severity} />{' '}
              <b>
                <Text max={600}>{what}</Text>
              </b>{' '}
              {times > 1 && <span class="faint">{count(times)} times</span>}
            </p>
            {hint !== '' && <p class="hint">{hint}</p>}
            <p class="faint">
              {offset(atUs - session.startedAtUs)} <Evidence operationId={operationId} seq={seq} />
            </p>
          </li>
        ))}
      {problems.length > MAX_PROBLEMS && (
        <li class="faint">and {count(problems.length - MAX_PROBLEMS)} more</li>
      )}
    </ol>
  );
}

function Evidence({
  operationId,
  seq,
}: {
  readonly operationId?: number | undefined;
  readonly seq?: number | undefined;
}): VNode {
  const { place } = usePage();
  return (
    <>
      {operationId !== undefined && (
        <Link href={place.with({ op: operationId, frame: undefined })}>operation {operationId}</Link>
      )}{' '}
      {seq !== undefined && <Link href={place.with({ frame: seq, op: undefined })}>message {seq}</Link>}
    </>
  );
}

function Findings({
  session,
  findings,
}: {
  readonly session: Session;
  readonly findings: readonly Finding[];
}): VNode {
  if (findings.length === 0) return <p class="faint">Nothing was found.</p>;
  return (
    <ul class="problems">
      {findings
        .slice(0, MAX_FINDINGS)
        .map(({ severity, rule, title, detail, hint, atUs, operationId, seq }, index) => (
          <li key={index}>
            <p>
              <SeverityMark severity={severity} /> <b>{title}</b> <code class="faint">{rule}</code>
            </p>
            <p>
              <Text max={600}>{detail}</Text>
            </p>
            <p class="hint">{hint}</p>
            <p class="faint">
              {offset(atUs - session.startedAtUs)} <Evidence operationId={operationId} seq={seq} />
            </p>
          </li>
        ))}
      {session.findings > MAX_FINDINGS && (
        <li class="faint">and {count(session.findings - MAX_FINDINGS)} more</li>
      )}
    </ul>
  );
}

function Facts({ session }: { readonly session: Session }): VNode {
  const { completeness: part, serverInfo, clientInfo, inferred } = session;
  const missing = [
    part.record !== 'full' && `only ${part.record === 'metadata' ? 'metadata' : 'failures'} were recorded`,
    part.interrupted && 'the recorder was interrupted',
    part.droppedChunks > 0 && `${plural(part.droppedChunks, 'chunk')} lost (${size(part.droppedBytes)})`,
    part.missedExchanges > 0 && `${plural(part.missedExchanges, 'exchange')} missed`,
    part.droppedEvents > 0 && `${plural(part.droppedEvents, 'event')} lost`,
    part.truncatedFrames > 0 && `${plural(part.truncatedFrames, 'message')} cut`,
    part.elidedMedia > 0 && `${plural(part.elidedMedia, 'image or sound', 'images or sounds')} left out`,
  ].filter((one) => one !== false);
  return (
    <dl class="facts">
      <Fact name="Id" value={session.id} />
      <Fact name="Server" value={[serverInfo.name, serverInfo.version].filter(Boolean).join(' ')} />
      <Fact name="Client" value={[clientInfo.name, clientInfo.version].filter(Boolean).join(' ')} />
      <Fact
        name="Protocol"
        value={[session.protocolVersion, session.era, session.transport].filter(Boolean).join(', ')}
      />
      <Fact name="Command" value={session.command.join(' ')} />
      <Fact name="Target" value={session.target} />
      <Fact name="Folder" value={session.cwd} />
      <Fact
        name="Process"
        value={session.transport === 'stdio' ? `${session.pid} on ${session.hostname}` : session.hostname}
      />
      <Fact name="Started" value={exact(session.startedAtUs)} />
      <Fact name="Ended" value={session.endedAtUs === undefined ? undefined : exact(session.endedAtUs)} />
      <Fact name="End" value={endOf(session)} />
      <Fact name="Client can" value={session.clientCapabilities.join(', ')} />
      <Fact name="Server can" value={session.serverCapabilities.join(', ')} />
      <Fact name="Session id" value={session.sessionIdHash && `[hashed:${session.sessionIdHash}]`} />
      <Fact
        name="Inferred"
        value={inferred && `by ${inferred.evidence.join(', ')} (${inferred.confidence} confidence)`}
      />
      <Fact name="Traffic" value={`${plural(session.frames, 'message')}, ${size(session.bytes)}`} />
      <Fact name="Recording" value={missing.length === 0 ? 'complete' : missing.join('; ')} />
      <Fact name="Redacted" value={part.redactions === 0 ? undefined : plural(part.redactions, 'value')} />
      <Fact name="Last stderr" value={session.lastStderr.join('\n')} />
      <Fact name="Sidelight" value={session.sidelightVersion} />
    </dl>
  );
}

function endOf({ endCause, exitCode, exitSignal }: Session): string | undefined {
  const exit = exitSignal ?? (exitCode === undefined ? undefined : `exit code ${exitCode}`);
  return endCause && [endCause.replaceAll('_', ' '), exit].filter(Boolean).join(', ');
}

function Fact({ name, value }: { readonly name: string; readonly value: string | undefined }): VNode | null {
  if (value === undefined || value === '') return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Text max={2000} lines>
          {value}
        </Text>
      </dd>
    </div>
  );
}

const FORMATS = [
  { format: 'jsonl', ending: 'jsonl', name: 'Recording', what: 'everything, and it can be imported again' },
  { format: 'html', ending: 'html', name: 'HTML', what: 'one file to read offline' },
  { format: 'har', ending: 'har', name: 'HAR', what: 'for tools that read HTTP archives' },
  { format: 'otlp', ending: 'json', name: 'OTLP', what: 'its spans' },
  { format: 'md', ending: 'md', name: 'Markdown', what: 'a report for an issue' },
] as const;

function Exports({ session }: { readonly session: Session }): VNode {
  const { client, say } = usePage();
  const save = async (format: (typeof FORMATS)[number]['format'], ending: string): Promise<void> => {
    await saveAs(`sidelight-${session.id}.${ending}`, await client.export(session.id, { format }));
  };
  return (
    <ul class="exports">
      {FORMATS.map(({ format, ending, name, what }) => (
        <li key={format}>
          <button
            type="button"
            onClick={() => void save(format, ending).catch((error: unknown) => say(plain(String(error))))}
          >
            {name}
          </button>{' '}
          <span class="faint">{what}</span>
        </li>
      ))}
    </ul>
  );
}
