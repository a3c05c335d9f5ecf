/** docs/findings.md, from the table of rules. */
import { type FindingInfo, FINDINGS } from './findings.ts';

const INTRO = `# Findings

Sidelight looks at what passes and tells of what is off. Each finding has a rule, a severity and one line of evidence, redacted. They stand in the log, in the recording, and as \`sidelight_findings_total\` by rule in the metrics. Nothing is held back or changed because of one.

- \`error\`: something fails, or breaks the protocol for sure.
- \`warning\`: it may.
- \`info\`: worth to know.

A rule that is about a tool, a method or a feature is told once for each in a session, not with every message.
`;

/** Markdown, ending in a newline. */
export function renderFindingsDoc(): string {
  return [INTRO, ...FINDINGS.map(section)].join('\n');
}

function section({ rule, severity, title, meaning, hint }: FindingInfo): string {
  return `## ${rule}\n\n**${title}** (${severity}). ${escaped(meaning)}\n\nWhat to do: ${escaped(hint)}\n`;
}

/** Names of the protocol are no Markdown. */
function escaped(text: string): string {
  return text.replace(/[[\]_*]/g, '\\$&');
}
