import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findingInfo, FINDINGS } from '../../src/event/findings.ts';
import { renderFindingsDoc } from '../../src/event/finding-doc.ts';

describe('the table of findings', () => {
  it('names each rule once, in snake_case', () => {
    const rules = FINDINGS.map(({ rule }) => rule);
    expect(new Set(rules).size).toBe(rules.length);
    for (const rule of rules) expect(rule).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  it.each(FINDINGS)(
    'says of $rule what it means and what to do, in sentences',
    ({ title, meaning, hint }) => {
      expect(title).toMatch(/^[A-Z][^.]+$/);
      for (const text of [meaning, hint]) expect(text).toMatch(/^[A-Z][^\n]+\.$/);
    },
  );

  it('is found by rule, and has nothing for another version’s', () => {
    for (const row of FINDINGS) expect(findingInfo(row.rule)).toBe(row);
    expect(findingInfo('of_tomorrow')).toBeUndefined();
  });

  it('has each rule in its document, where names are no Markdown', () => {
    const text = renderFindingsDoc();
    for (const { rule, severity } of FINDINGS) {
      expect(text).toContain(`## ${rule}\n`);
      expect(text).toContain(`(${severity})`);
    }
    expect(text).toContain('\\_meta');
  });

  it('is what docs/findings.md says', () => {
    const { stderr } = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], { encoding: 'utf8' });
    expect(stderr).not.toContain('docs/findings.md');
  });
});
