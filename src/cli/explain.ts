/** `sidelight explain <session>`: what failed first, why, by which evidence, and what to try. */
import type { SessionRecord } from '../store/record.ts';
import { type Problem, verdictOf } from '../store/verdict.ts';
import { partyOf, recordingOf, shortId, withStore } from './describe.ts';
import type { Place } from './place.ts';
import { sinceStart } from './showOperations.ts';
import { duration, json, safe, type Terminal } from './terminal.ts';

export interface ExplainOptions {
  readonly json?: boolean;
}

/** Enough to act on; the others are in --json. */
const MAX_PROBLEMS = 10;
const STYLE = { error: 'red', warning: 'yellow', info: 'dim' } as const;

/** Prints a verdict on the session that `wanted` stands for; resolves to the exit code, 0 whatever the verdict is. */
export function explain(
  place: Place,
  wanted: string,
  options: ExplainOptions,
  terminal: Terminal,
): Promise<number> {
  return withStore(place, terminal, async (recordings) => {
    const session = await recordings.findSession(wanted);
    const reader = await recordings.open(session);
    const verdict = verdictOf(session, reader.operations(session.id), reader.findings(session.id));
    if (options.json === true) {
      await terminal.line(json({ session: session.id, ...verdict }));
      return 0;
    }
    await terminal.line(`${terminal.paint('bold', `Session ${session.id}`)}\n  ${summaryOf(session)}`);
    const { healthy, headline, problems } = verdict;
    await terminal.line(`\n${terminal.paint(healthy ? 'green' : 'red', safe(headline))}`);
    for (const [index, problem] of problems.slice(0, MAX_PROBLEMS).entries()) {
      if (terminal.gone) return 0;
      await terminal.line(linesOf(problem, index + 1, session, terminal));
    }
    if (problems.length > MAX_PROBLEMS)
      await terminal.line(`\n${problems.length - MAX_PROBLEMS} more: sidelight explain ${session.id} --json`);
    await terminal.line(
      `\n${terminal.paint('dim', `Look closer: sidelight show ${shortId(session.id)} --full`)}`,
    );
    return 0;
  });
}

function summaryOf(session: SessionRecord): string {
  const { server, clientInfo, protocolVersion, transport, startedAtUs, endedAtUs, operations } = session;
  return [
    `${partyOf(clientInfo) || 'a client that never said who it is'} to ${safe(server)}`,
    `${safe(protocolVersion ?? 'unknown revision')} over ${transport}`,
    endedAtUs === undefined ? session.status : duration(endedAtUs - startedAtUs),
    `${operations} operation${operations === 1 ? '' : 's'}`,
    `recording ${recordingOf(session.completeness)}`,
  ].join(', ');
}

function linesOf(problem: Problem, number: number, session: SessionRecord, terminal: Terminal): string {
  const { severity, what, count, operationId, seq, hint, atUs } = problem;
  const times = count === 1 ? '' : ` (${count} times)`;
  const where = [
    sinceStart(atUs, session).trim(),
    seq === undefined ? '' : `frame ${seq}`,
    operationId === undefined ? '' : `operation ${operationId}`,
  ].filter((part) => part !== '');
  return [
    `\n${number}. ${terminal.paint(STYLE[severity], severity)}  ${safe(what)}${times}`,
    `   ${terminal.paint('dim', `evidence: ${where.join(', ')}`)}`,
    ...(hint === '' ? [] : [`   try: ${hint}`]),
  ].join('\n');
}
