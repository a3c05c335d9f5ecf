/** The formats that a session can be written in: each gives the file's text in pieces, in order. */
import { harText } from './har.ts';
import { htmlText } from './html.ts';
import { markdownText } from './markdown.ts';
import { nativeLines } from './native.ts';
import { otlpLines } from './otlp.ts';
import type { Creator, Source } from './source.ts';

export const EXPORTERS = {
  jsonl: nativeLines,
  html: htmlText,
  har: harText,
  otlp: otlpLines,
  md: markdownText,
} as const satisfies Readonly<Record<string, (source: Source, creator: Creator) => Iterable<string>>>;

export type ExportFormat = keyof typeof EXPORTERS;

export const EXPORT_FORMATS = Object.keys(EXPORTERS) as readonly ExportFormat[];
