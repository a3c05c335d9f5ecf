/**
 * Writes a session as one HTML file that needs nothing else. What was recorded is data in it, in a form that no parser of HTML
 * takes for anything else, and its policy lets nothing run but the page's own script.
 */
import { createHash } from 'node:crypto';
import { isFailure } from '../event/outcome.ts';
import type { StoredFrame } from '../store/block.ts';
import type { OperationRecord } from '../store/record.ts';
import { verdictOf } from '../store/verdict.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page.ts';
import { type Creator, isoTime, readableText, type Source } from './source.ts';

/** What browsers still open: of more, the beginning is in the page, and the page says so. */
const MAX_FRAMES = 20_000;
const MAX_OPERATIONS = 10_000;
const MAX_PROBLEMS = 500;
const MAX_FRAME_CHARS = 256 * 1024;
const MAX_TEXT_CHARS = 24 * 1024 * 1024;

export function* htmlText(source: Source, creator: Creator): Generator<string> {
  const { session } = source;
  const policy =
    `default-src 'none'; style-src '${hashOf(PAGE_STYLE)}'; script-src '${hashOf(PAGE_SCRIPT)}'; ` +
    "base-uri 'none'; form-action 'none'";
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="sidelight">
<title>Sidelight recording ${session.id.replace(/[^0-9a-f-]/g, '')}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1 id="title"></h1>
<p id="headline"></p>
<noscript><p class="note">This page shows its data with a script of its own, which is switched off here.</p></noscript>
<div id="notes"></div>
<dl id="about"></dl>
<p><input id="find" type="search" placeholder="Filter operations and frames" aria-label="Filter operations and frames"></p>
<h2>Findings and failures</h2>
<ol id="problems"></ol>
<h2>Operations</h2>
<ol id="operations"></ol>
<h2>Frames</h2>
<ol id="frames-list"></ol>
<h2>Standard error</h2>
<pre id="stderr"></pre>
<script type="application/json" id="frames">[`;
  const left = { frames: 0, texts: 0 };
  let before = '\n';
  for (const frame of framesIn(source, left)) {
    yield before + data(frame);
    before = ',\n';
  }
  yield `\n]</script>\n<script type="application/json" id="session">`;
  yield data(factsOf(source, creator, left));
  yield `</script>\n<script>${PAGE_SCRIPT}</script>\n</body>\n</html>\n`;
}

function* framesIn(source: Source, left: { frames: number; texts: number }): Generator<object> {
  let count = 0;
  let chars = 0;
  for (const frame of source.frames()) {
    count += 1;
    if (count > MAX_FRAMES) {
      left.frames += 1;
      continue;
    }
    const text = readableText(frame.bytes.subarray(0, MAX_FRAME_CHARS));
    const fits = chars + text.length <= MAX_TEXT_CHARS;
    if (fits) chars += text.length;
    if (!fits || frame.bytes.length > MAX_FRAME_CHARS) left.texts += 1;
    yield frameIn(frame, source.session.startedAtUs, fits ? text : undefined);
  }
}

function frameIn(frame: StoredFrame, startedAtUs: number, text: string | undefined): object {
  const { seq, atUs, channel, kind, method, sizeBytes, exchange, bytes } = frame;
  const isCut = frame.truncated || bytes.length > MAX_FRAME_CHARS;
  const marks = [
    isCut ? 'cut' : '',
    frame.redactions > 0 ? `${frame.redactions} redacted` : '',
    frame.elided > 0 ? `${frame.elided} media left out` : '',
  ];
  return {
    ...{ seq, at: atUs - startedAtUs, channel, kind, method, size: sizeBytes, exchange },
    marks: marks.filter(Boolean).join(', ') || undefined,
    ...(text === undefined ? { left: '(not in this page: it would be too large)' } : { text }),
  };
}

function factsOf(
  source: Source,
  { version }: Creator,
  left: { readonly frames: number; readonly texts: number },
): object {
  const { session } = source;
  const { headline, problems } = verdictOf(session, source.operations(), source.findings());
  const { completeness, clientInfo, serverInfo, startedAtUs, endedAtUs } = session;
  const operations: object[] = [];
  let more = 0;
  for (const operation of source.operations()) {
    if (operations.length < MAX_OPERATIONS) operations.push(operationIn(operation, startedAtUs));
    else more += 1;
  }
  const notes = [
    completeness.complete ? '' : `The recording is not complete: ${JSON.stringify(completeness)}`,
    left.frames > 0 ? `${left.frames} frames after the first ${MAX_FRAMES} are not in this page.` : '',
    left.texts > 0 ? `The text of ${left.texts} frames is not, or not whole, in this page.` : '',
    more > 0 ? `${more} operations after the first ${MAX_OPERATIONS} are not in this page.` : '',
    problems.length > MAX_PROBLEMS
      ? `${problems.length - MAX_PROBLEMS} findings and failures are not in this page.`
      : '',
  ];
  return {
    title: session.server === '' ? 'MCP session' : session.server,
    headline,
    about: [
      ['Session', session.id],
      ['Client', [clientInfo.name, clientInfo.version].filter(Boolean).join(' ')],
      ['Server', [serverInfo.name, serverInfo.version].filter(Boolean).join(' ')],
      ['Protocol', `${session.protocolVersion ?? 'unknown revision'} over ${session.transport}`],
      ['Command or target', session.target ?? session.command.join(' ')],
      ['Folder', session.cwd],
      ['Started', isoTime(startedAtUs)],
      ['Ended', endedAtUs === undefined ? session.status : isoTime(endedAtUs)],
      ['End', session.endCause ?? ''],
      ['Recorded by', `sidelight ${session.sidelightVersion}`],
      ['Exported by', `sidelight ${version}`],
    ].filter(([, value]) => value !== ''),
    notes: notes.filter(Boolean),
    problems: problems.slice(0, MAX_PROBLEMS).map(({ severity, what, count, hint, seq, operationId }) => ({
      ...{ severity, what, count, hint },
      where:
        [operationId === undefined ? '' : `operation ${operationId}`, seq === undefined ? '' : `frame ${seq}`]
          .filter(Boolean)
          .join(', ') || 'the session',
    })),
    operations,
  };
}

function operationIn(operation: OperationRecord, startedAtUs: number): object {
  const { operationId: id, method, target, outcome, error, firstSeq, lastSeq } = operation;
  return {
    id,
    name: target === undefined ? method : `${method} ${target.name}`,
    at: operation.startedAtUs - startedAtUs,
    us: operation.endedAtUs - operation.startedAtUs,
    outcome,
    failed: isFailure(outcome) || undefined,
    error:
      error === undefined ? undefined : [error.code ?? error.type, error.message].filter(Boolean).join(': '),
    seqs: firstSeq === lastSeq ? [firstSeq] : [firstSeq, lastSeq],
  };
}

/** JSON without any character that ends a script, begins a comment or a tag, or that old parsers take for a line's end. */
function data(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
