/** The formats that can be read, and how one is known by its beginning. */
import { cassetteReader } from './cassette.ts';
import { harReader } from './harReader.ts';
import { McpsnoopReader } from './mcpsnoop.ts';
import type { FormatReader, TrafficSink } from './traffic.ts';

/** Those whose contents go through the pipelines as if they were live; `jsonl` holds frames, and has a way of its own. */
export const TRAFFIC_READERS: Readonly<
  Record<'har' | 'mcpsnoop' | 'cassette', (sink: TrafficSink) => FormatReader>
> = {
  har: harReader,
  mcpsnoop: (sink) => new McpsnoopReader(sink),
  cassette: cassetteReader,
};

export type ImportFormat = 'jsonl' | keyof typeof TRAFFIC_READERS;

export const IMPORT_FORMATS: readonly ImportFormat[] = ['jsonl', 'har', 'mcpsnoop', 'cassette'];

/** So much of a file's beginning is looked at. */
export const HEAD_BYTES = 64 * 1024;

/** First match wins; each looks at the beginning of a file as text. */
const SIGNS: readonly (readonly [ImportFormat, RegExp])[] = [
  ['jsonl', /^\s*\{[^\n]{0,100}"sidelight"\s*:\s*"recording"/],
  ['mcpsnoop', /^\s*\{[^\n]{0,1000}"session_id"\s*:[^\n]*"direction"\s*:/],
  ['har', /^\s*\{\s*"log"\s*:\s*\{/],
  ['cassette', /^\s*\{[^]{0,8192}"interactions"\s*:\s*\[/],
  ['cassette', /^\s*\{\s*"version"\s*:\s*"[\d.]+"\s*,\s*"metadata"\s*:/],
];

/** Undefined when it is none of them. */
export function formatOf(head: string): ImportFormat | undefined {
  const text = head.replace(/^\ufeff/, '');
  return SIGNS.find(([, sign]) => sign.test(text))?.[0];
}
