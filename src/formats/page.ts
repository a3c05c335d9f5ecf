/**
 * The fixed parts of the HTML export: its style and its script, which builds the page of the data beside it. Recorded text becomes
 * text nodes only; the page's policy allows these two and nothing else, from nowhere.
 */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--line:#8884;--dim:#666;--bad:#b11;--warn:#850;--ok:#272}
@media (prefers-color-scheme:dark){:root{--bad:#f77;--warn:#fb5;--ok:#7c7;--dim:#999}}
body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
ol,ul{list-style:none;margin:0;padding:0}li{border-bottom:1px solid var(--line)}
summary,.row{display:grid;grid-template-columns:5rem 6rem 10rem 1fr 6rem;gap:.6rem;padding:.2rem .3rem;cursor:default}
summary{cursor:pointer}summary span,.row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.num{text-align:right;color:var(--dim);font-variant-numeric:tabular-nums}
.error,.bad{color:var(--bad)}.warning{color:var(--warn)}.ok{color:var(--ok)}.dim{color:var(--dim)}
pre{margin:.2rem 0 .6rem;padding:.6rem;border:1px solid var(--line);overflow:auto;max-height:32rem;white-space:pre-wrap;overflow-wrap:anywhere;font:12px/1.4 ui-monospace,monospace}
.note{border-left:3px solid var(--warn);padding-left:.6rem}
input{font:inherit;padding:.2rem .4rem;width:20rem;max-width:100%}
`;

/** Plain DOM: no template, no attribute and no URL is ever made of recorded text. */
export const PAGE_SCRIPT = `
'use strict';
const read = (id) => JSON.parse(document.getElementById(id).textContent);
// What hides itself or turns a line around is named instead.
const HIDDEN = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e007f}]|\\p{Cs}/gu;
const visible = (text) =>
  String(text).replace(HIDDEN, (hidden) => '\\\\u{' + hidden.codePointAt(0).toString(16) + '}');
const make = (tag, cls, text) => {
  const el = document.createElement(tag);
  if (cls) el.className = cls;
  if (text !== undefined) el.textContent = visible(text);
  return el;
};
const facts = read('session');
const frames = read('frames');
const bySeq = new Map(frames.map((frame) => [frame.seq, frame]));
const ms = (us) => (us / 1000).toFixed(3) + ' ms';
const shown = (frame) => {
  if (frame.text === undefined) return frame.left ?? '(no text)';
  try { return JSON.stringify(JSON.parse(frame.text), null, 2); } catch { return frame.text; }
};
const cells = (el, values) => {
  values.forEach(([text, cls]) => el.append(make('span', cls, text)));
  return el;
};
const open = (head, parts) => {
  const el = make('details');
  el.append(cells(make('summary'), head));
  el.addEventListener('toggle', () => {
    if (el.childElementCount > 1) return;
    for (const part of parts()) el.append(part);
  });
  return el;
};
const pre = (title, text) => {
  const box = make('div');
  box.append(make('div', 'dim', title), make('pre', '', text));
  return box;
};
const list = (id, items, row) => {
  const target = document.getElementById(id);
  for (const item of items) {
    const li = make('li');
    li.append(row(item));
    li.dataset.text = li.textContent.toLowerCase();
    target.append(li);
  }
};
document.getElementById('title').textContent = visible(facts.title);
document.getElementById('headline').textContent = visible(facts.headline);
for (const [name, value] of facts.about) {
  document.getElementById('about').append(make('dt', '', name), make('dd', '', value));
}
for (const text of facts.notes) document.getElementById('notes').append(make('p', 'note', text));
list('problems', facts.problems, (p) =>
  open([[p.severity, p.severity], ['', ''], ['', ''], [p.what, ''], [p.count > 1 ? p.count + '×' : '', 'num']], () =>
    [pre('evidence', p.where), ...(p.hint ? [pre('try', p.hint)] : [])]));
list('operations', facts.operations, (o) =>
  open([[String(o.id), 'num'], [ms(o.at), 'num'], [o.outcome, o.failed ? 'bad' : 'ok'], [o.name, ''], [ms(o.us), 'num']], () =>
    [
      ...(o.error ? [pre('error', o.error)] : []),
      ...o.seqs.map((seq) => pre('frame ' + seq, bySeq.has(seq) ? shown(bySeq.get(seq)) : 'not in this page')),
    ]));
list('frames-list', frames, (f) =>
  open([['#' + f.seq, 'num'], [ms(f.at), 'num'], [f.channel, 'dim'], [[f.kind, f.method].filter(Boolean).join(' '), ''], [f.size + ' B', 'num']], () =>
    [pre([f.marks, f.exchange ? 'exchange ' + f.exchange : ''].filter(Boolean).join(', ') || 'as recorded', shown(f))]));
document.getElementById('stderr').textContent = visible(frames.filter((f) => f.kind === 'stderr').map((f) => f.text ?? '').join('\\n'));
document.getElementById('find').addEventListener('input', (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const li of document.querySelectorAll('#operations > li, #frames-list > li'))
    li.hidden = wanted !== '' && !li.dataset.text.includes(wanted);
});
`;
