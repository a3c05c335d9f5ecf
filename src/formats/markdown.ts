/**
 * Writes a bug report: what went wrong first, in which environment, the calls that failed with what they were asked and what they
 * answered, and the last of stderr. Recorded text stands in code blocks and cannot become markup.
 */
import { isFailure } from '../event/outcome.ts';
import type { SessionRecord } from '../store/record.ts';
import { verdictOf } from '../store/verdict.ts';
import { callsOf } from './calls.ts';
import { type Creator, isoTime, readableText, type Source } from './source.ts';
import type { StoredFrame } from '../store/block.ts';

/** A report is read by people: the first of what failed say most, and of those what fits on a screen or two. */
const MAX_CALLS = 20;
const MAX_PROBLEMS = 20;
const MAX_TEXT_CHARS = 8192;
const MAX_LINE_CHARS = 300;
const MAX_STDERR_LINES = 40;

export function* markdownText(source: Source, creator: Creator): Generator<string> {
  const { session } = source;
  const { healthy, headline, problems } = verdictOf(session, source.operations(), source.findings());
  yield `# ${inline(session.server || 'MCP server')}: ${inline(headline)}\n\n`;
  yield table([
    ['Session', session.id],
    ['Server', [session.server, partyOf(session.serverInfo)].filter(Boolean).join(', ')],
    ['Client', partyOf(session.clientInfo) || 'never said who it is'],
    ['Protocol', `${session.protocolVersion ?? 'unknown revision'} over ${session.transport}`],
    [session.transport === 'stdio' ? 'Command' : 'Target', session.target ?? session.command.join(' ')],
    ['Folder', session.cwd],
    ['Environment variables', session.envNames.join(' ')],
    ['Started', isoTime(session.startedAtUs)],
    ['Ended', endOf(session)],
    ['Operations', `${session.operations}, of which ${session.failedOperations} failed`],
    ['Recording', recordingOf(session)],
    ['Sidelight', session.sidelightVersion],
  ]);
  if (problems.length > 0) {
    yield `\n## ${healthy ? 'Worth a look' : 'What went wrong'}\n\n`;
    for (const [index, problem] of problems.slice(0, MAX_PROBLEMS).entries()) {
      const { severity, what, count, seq, operationId, hint } = problem;
      const times = count === 1 ? '' : ` (${count} times)`;
      const where = [
        seq === undefined ? '' : `frame ${seq}`,
        operationId === undefined ? '' : `operation ${operationId}`,
      ].filter(Boolean);
      yield `${index + 1}. **${severity}** ${inline(what)}${times}${where.length > 0 ? ` — ${where.join(', ')}` : ''}\n`;
      if (hint !== '') yield `   Try: ${inline(hint)}\n`;
    }
    if (problems.length > MAX_PROBLEMS) yield `\n${problems.length - MAX_PROBLEMS} more are left out.\n`;
  }
  yield* failedCalls(source);
  yield* stderrTail(source);
  yield `\n---\n\nMade by sidelight ${inline(creator.version)}. ${REDACTED}\n`;
}

const REDACTED = 'Look through it before you pass it on: redaction finds secrets by their names and shapes.';

function* failedCalls(source: Source): Generator<string> {
  let failed = 0;
  for (const { operation, request, answer } of callsOf(source)) {
    if (!isFailure(operation.outcome)) continue;
    failed += 1;
    if (failed > MAX_CALLS) continue;
    if (failed === 1) yield '\n## Calls that failed\n';
    const { method, target, outcome, error, operationId, startedAtUs, endedAtUs } = operation;
    yield `\n### ${operationId}: ${inline(target === undefined ? method : `${method} ${target.name}`)}\n\n`;
    const why = error?.message === undefined ? '' : `: ${inline(error.message)}`;
    const code = error?.code === undefined ? '' : ` ${error.code}`;
    yield `Ended as ${outcome}${code}${why} after ${(endedAtUs - startedAtUs) / 1000} ms.\n`;
    yield block('Asked', request);
    yield answer === undefined ? '\nNo answer came.\n' : block('Answered', answer);
  }
  if (failed > MAX_CALLS) yield `\n${failed - MAX_CALLS} more calls failed and are left out.\n`;
}

function* stderrTail(source: Source): Generator<string> {
  let lines: string[] = [];
  let before = 0;
  for (const { kind, bytes } of source.frames()) {
    if (kind !== 'stderr') continue;
    lines.push(cut(plain(readableText(bytes)), MAX_LINE_CHARS));
    if (lines.length <= MAX_STDERR_LINES * 2) continue;
    before += lines.length - MAX_STDERR_LINES;
    lines = lines.slice(-MAX_STDERR_LINES);
  }
  before += Math.max(0, lines.length - MAX_STDERR_LINES);
  const last = lines.slice(-MAX_STDERR_LINES);
  if (last.length === 0) return;
  yield `\n## Standard error${before > 0 ? `, its last ${last.length} lines` : ''}\n\n${fenced(last.join('\n'), '')}`;
}

function block(title: string, frame: StoredFrame | undefined): string {
  if (frame === undefined || frame.bytes.length === 0) return `\n${title}: not recorded.\n`;
  const text = readableText(frame.bytes);
  const marks = [frame.truncated ? 'cut' : '', frame.redactions > 0 ? 'redacted' : ''].filter(Boolean);
  const shown = cut(plain(indented(text)), MAX_TEXT_CHARS);
  return `\n${title}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}, frame ${frame.seq}:\n\n${fenced(shown, 'json')}`;
}

/** Parsed and written again only to be read: what was on the wire is in the recording. */
function indented(text: string): string {
  if (text.length > MAX_TEXT_CHARS * 4) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The fence is longer than any run of backticks in the text. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}\n`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `| ${name} | ${inline(value)} |\n`);
  return `| | |\n| --- | --- |\n${lines.join('')}`;
}

/** Of one line, with everything that Markdown or HTML takes for markup escaped. */
function inline(text: string): string {
  return cut(plain(text).replace(/\s+/g, ' '), MAX_LINE_CHARS)
    .replace(/[\\`*_{}[\]()#+!|~@:]/g, (char) => `\\${char}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

/** Control characters but line breaks and tabs, and what turns the direction of text around. */
function plain(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars)}… (${text.length - chars} more characters)`;
}

function endOf({ endedAtUs, endCause, exitCode, exitSignal, status }: SessionRecord): string {
  if (endedAtUs === undefined) return status;
  const exit = exitSignal ?? (exitCode === undefined ? '' : `exit code ${exitCode}`);
  return [isoTime(endedAtUs), endCause?.replaceAll('_', ' ') ?? '', exit].filter(Boolean).join(', ');
}

function recordingOf({ completeness }: SessionRecord): string {
  const { complete, bodies, interrupted, redactions, truncatedFrames, elidedMedia } = completeness;
  const { droppedChunks, droppedEvents, missedExchanges } = completeness;
  const counts = { droppedChunks, droppedEvents, missedExchanges, truncatedFrames, elidedMedia, redactions };
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  const words = [
    complete ? 'complete' : 'not complete',
    bodies === 'none' ? 'no bodies' : bodies === 'part' ? 'not all bodies' : '',
    interrupted ? 'no end' : '',
    ...told.map(([name, count]) => `${count} ${name.replace(/[A-Z]/g, (char) => ` ${char.toLowerCase()}`)}`),
  ];
  return words.filter(Boolean).join(', ');
}

function partyOf({ name = '', version = '' }: SessionRecord['serverInfo']): string {
  return `${name} ${version}`.trim();
}
