/** What both sides can do, the tools as they were listed over time, and what was subscribed to. */
import type { SessionRecord } from '../store/record.ts';
import type { Story, ToolList } from '../store/story.ts';
import { callOf } from './describe.ts';
import { sinceStart } from './showOperations.ts';
import { pad, safe, type Terminal } from './terminal.ts';

/** Names in a line; the frame has them all. */
const MAX_NAMES = 12;

export async function showStory(session: SessionRecord, story: Story, terminal: Terminal): Promise<void> {
  const { clientExtensions, serverExtensions, toolLists, subscriptions } = story;
  const [first, ...later] = toolLists;
  const lines: (readonly [string, string])[] = [
    ['Client can', named([...session.clientCapabilities.filter(isPlain), ...clientExtensions])],
    ['Server can', named([...session.serverCapabilities.filter(isPlain), ...serverExtensions])],
    ['Tools', first === undefined ? '' : `${first.names.length} listed: ${named(first.names)}`],
    ...later.map((list) => ['', listed(list, session)] as const),
    ...subscriptions.map(
      (one, index) =>
        [
          index === 0 ? 'Subscribed' : '',
          `${callOf(one)}${one.subscription === undefined ? '' : `, ${one.subscription.notifications} notifications`}`,
        ] as const,
    ),
  ];
  for (const [name, value] of lines)
    if (value !== '') await terminal.line(`  ${terminal.paint('dim', pad(name, 10))} ${value}`);
}

/** It stands for what is in it. */
function isPlain(capability: string): boolean {
  return capability !== 'extensions';
}

function listed({ atUs, seq, added, removed, changed, names }: ToolList, session: SessionRecord): string {
  const what = [
    ...added.map((name) => `+ ${name}`),
    ...removed.map((name) => `- ${name}`),
    ...changed.map((name) => `~ ${name}`),
  ];
  const same = what.length === 0 ? `the same ${names.length}` : named(what);
  return `${sinceStart(atUs, session)} (frame ${seq}): ${same}`;
}

function named(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? `, ${names.length - MAX_NAMES} more` : '';
  return safe(names.slice(0, MAX_NAMES).join(', ')) + more;
}
