/** The button that saves a session as a case, with the rules that were chosen. */
import type { VNode } from 'preact';
import type { Body } from '../../api/client.ts';
import { asError } from '../loading.ts';
import { usePage } from '../page.ts';
import { saveAs } from '../parts/save.ts';
import { wordsOf } from '../parts/states.tsx';

export interface SaveCaseProps {
  readonly session: string;
  readonly wishes: Body<'case'>;
}

export function SaveCase({ session, wishes }: SaveCaseProps): VNode {
  const { client, say } = usePage();
  const save = async (): Promise<void> => {
    const name = `sidelight-${session}.case.yaml`;
    await saveAs(name, await client.case(session, wishes));
    say(`Saved ${name}: run it with sidelight test`);
  };
  return (
    <button
      type="button"
      title="A file that keeps this fixed: sidelight test runs it"
      onClick={() => void save().catch((error: unknown) => say(wordsOf(asError(error))))}
    >
      Save as a case
    </button>
  );
}
