/** Small signs: how a session stands, how an operation ended, how bad a finding is. Never by colour alone. */
import type { VNode } from 'preact';
import type { Answer } from '../../api/client.ts';
import { isFailure } from '../../event/outcome.ts';

type Status = Answer<'session'>['status'];
type Outcome = Answer<'operation'>['outcome'];
type Severity = Answer<'findings'>['items'][number]['severity'];
export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'live';

const STATUS_TONE: Readonly<Record<Status, Tone>> = {
  live: 'live',
  ok: 'good',
  failed: 'bad',
  crashed: 'bad',
  interrupted: 'warn',
};
const SEVERITY_TONE: Readonly<Record<Severity, Tone>> = { error: 'bad', warning: 'warn', info: 'quiet' };
const SIGN: Readonly<Record<Tone, string>> = { good: '✓', bad: '✕', warn: '!', quiet: '·', live: '●' };

export function toneOf(outcome: Outcome): Tone {
  if (outcome === 'ok') return 'good';
  if (isFailure(outcome)) return 'bad';
  return outcome === 'unknown' ? 'warn' : 'quiet';
}

export function Mark({ tone, children }: { readonly tone: Tone; readonly children: string }): VNode {
  return (
    <span class={`mark ${tone}`}>
      <span aria-hidden="true">{SIGN[tone]}</span> {children}
    </span>
  );
}

export function StatusMark({ status }: { readonly status: Status }): VNode {
  return <Mark tone={STATUS_TONE[status]}>{status}</Mark>;
}

export function OutcomeMark({ outcome }: { readonly outcome: Outcome }): VNode {
  return <Mark tone={toneOf(outcome)}>{outcome.replaceAll('_', ' ')}</Mark>;
}

export function SeverityMark({ severity }: { readonly severity: Severity }): VNode {
  return <Mark tone={SEVERITY_TONE[severity]}>{severity}</Mark>;
}
