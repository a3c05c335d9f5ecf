/** The field for filters: completes as the command line does, and says where a filter is wrong. It knows no list. */
import type { TargetedEvent, TargetedKeyboardEvent, VNode } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { nearest } from '../../config/suggest.ts';
import type { Filter, FilterError } from '../../filter/ast.ts';
import { completeFilter, type Known } from '../../filter/complete.ts';
import { KEYS } from '../../filter/keys.ts';
import { parseFilter } from '../../filter/parse.ts';
import { plain } from '../parts/text.tsx';

export interface FilterBoxProps {
  readonly value: string;
  readonly known: Known;
  /** With a filter that can be read: a moment after the last key, or with Enter where payloads have to be looked through. */
  readonly apply: (filter: string) => void;
}

const APPLY_MS = 250;
const MAX_SHOWN = 12;

export function FilterBox({ value, known, apply }: FilterBoxProps): VNode {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState<number | undefined>(undefined);
  const [chosen, choose] = useState(-1);
  const [helps, help] = useState(false);
  const told = useRef(value);
  useEffect(() => {
    // Somebody else changed it, such as the browser's own back.
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  const parsed = parseFilter(text);
  useEffect(() => {
    if (!parsed.ok || text === told.current || looksInPayloads(parsed.filter)) return;
    const timer = setTimeout(() => {
      told.current = text;
      apply(text);
    }, APPLY_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const completion = caret === undefined ? undefined : completeFilter(text, caret, known);
  const written = completion && text.slice(completion.from, completion.to);
  const candidates = (completion?.candidates ?? []).filter((one) => one !== written).slice(0, MAX_SHOWN);
  const take = (candidate: string): void => {
    if (completion === undefined) return;
    const end = candidate.endsWith(':') ? '' : ' ';
    const before = text.slice(0, completion.from) + candidate + end;
    setText(before + text.slice(completion.to).trimStart());
    setCaret(before.length);
    choose(-1);
    requestAnimationFrame(() => input.current?.setSelectionRange(before.length, before.length));
  };
  const correct = (corrected: string): void => {
    setText(corrected);
    setCaret(undefined);
    input.current?.focus();
  };
  const pressed = (event: TargetedKeyboardEvent<HTMLInputElement>): void => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined && candidates.length > 0) {
      event.preventDefault();
      choose((chosen + move + candidates.length + 1) % (candidates.length + 1));
    } else if ((event.key === 'Enter' || event.key === 'Tab') && candidates[chosen] !== undefined) {
      event.preventDefault();
      take(candidates[chosen]);
    } else if (event.key === 'Enter' && parsed.ok) {
      setCaret(undefined);
      told.current = text;
      apply(text);
    } else if (event.key === 'Escape') {
      if (caret === undefined || candidates.length === 0) input.current?.blur();
      setCaret(undefined);
    }
  };
  const follow = (event: TargetedEvent<HTMLInputElement>): void => {
    const { value: now, selectionStart } = event.currentTarget;
    if (now !== text) {
      setText(now);
      choose(-1);
    }
    setCaret(selectionStart ?? now.length);
  };
  const isOpen = caret !== undefined && candidates.length > 0;
  return (
    <div class="filter">
      <div class="filter-field">
        <input
          ref={input}
          type="search"
          role="combobox"
          aria-label="Filter"
          aria-expanded={isOpen}
          aria-controls={`${id}list`}
          aria-autocomplete="list"
          aria-invalid={!parsed.ok}
          aria-describedby={`${id}error`}
          {...(isOpen && chosen >= 0 && { 'aria-activedescendant': `${id}option${chosen}` })}
          placeholder="Filter: is:failed tool:search since:2h “no such file”"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={follow}
          onClick={follow}
          onFocus={follow}
          onKeyDown={pressed}
          onBlur={() => setCaret(undefined)}
        />
        <button type="button" class="plain" aria-expanded={helps} onClick={() => help(!helps)}>
          Syntax
        </button>
      </div>
      <ul id={`${id}list`} class="completions" role="listbox" aria-label="Completions" hidden={!isOpen}>
        {isOpen &&
          candidates.map((candidate, index) => (
            <li
              key={candidate}
              id={`${id}option${index}`}
              role="option"
              aria-selected={index === chosen}
              onMouseDown={(event) => {
                event.preventDefault();
                take(candidate);
              }}
            >
              <code>{plain(candidate)}</code> <span class="faint">{meaningOf(candidate)}</span>
            </li>
          ))}
      </ul>
      <div id={`${id}error`} class="filter-error" role="status">
        {!parsed.ok && <Wrong text={text} error={parsed.error} correct={correct} />}
        {parsed.ok && text !== value && looksInPayloads(parsed.filter) && (
          <span class="faint">Enter looks for the text in the payloads</span>
        )}
      </div>
      {helps && <Syntax />}
    </div>
  );
}

/** What somebody has typed half of `server:` for is such a text, too. */
function looksInPayloads(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.of.some(looksInPayloads);
  return filter.kind === 'not' ? looksInPayloads(filter.of) : filter.kind === 'text';
}

function meaningOf(candidate: string): string {
  return KEYS.find(({ key }) => `${key}:` === candidate)?.meaning ?? '';
}

interface WrongProps {
  readonly text: string;
  readonly error: FilterError;
  readonly correct: (text: string) => void;
}

function Wrong({ text, error, correct }: WrongProps): VNode {
  const { at, end, message, word, candidates = [] } = error;
  const near = word === undefined ? undefined : nearest(word, candidates);
  const written = text.slice(at, end);
  const from = word === undefined ? -1 : written.toLowerCase().indexOf(word.toLowerCase());
  return (
    <>
      <code>
        {plain(text.slice(Math.max(0, at - 40), at))}
        <mark>{plain(text.slice(at, end)) || '␣'}</mark>
        {plain(text.slice(end, end + 40))}
      </code>
      <span>{plain(message)}</span>
      {near !== undefined && word !== undefined && from !== -1 && (
        <button
          type="button"
          onClick={() => correct(text.slice(0, at + from) + near + text.slice(at + from + word.length))}
        >
          Did you mean <b>{near}</b>?
        </button>
      )}
    </>
  );
}

function Syntax(): VNode {
  return (
    <div class="syntax">
      <p>
        Terms side by side must all hold; <code>OR</code>, <code>NOT</code>, <code>-</code> and parentheses
        combine them, <code>*</code> stands for anything, commas make a list. A word alone is looked for in
        the payloads.
      </p>
      <dl>
        {KEYS.map(({ key, meaning, example }) => (
          <div key={key}>
            <dt>
              <code>{example}</code>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
