/** A reader of JSON documents that hold a list: what the formats that are such documents have in common. */
import { type ElementSink, Elements } from './elements.ts';
import { Malformed, parsed } from './members.ts';
import { exactText } from './source.ts';
import type { FormatReader } from './traffic.ts';

export interface DocumentSink {
  /** An element of the list, or a member beside it, by its path. May throw `Malformed`: it is left out then. */
  readonly value: (path: string, value: unknown, line: number) => void;
  /** After the last of them. */
  readonly end: () => void;
  readonly leftOut: (what: string, line: number | undefined) => void;
}

export function documentReader(paths: readonly string[], sink: DocumentSink): FormatReader {
  const elements: ElementSink = {
    value: (path, bytes, line) => {
      try {
        const text = exactText(bytes);
        if (text === undefined) throw new Malformed('is no UTF-8');
        sink.value(path, parsed(text), line);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        sink.leftOut(`${path}: ${error.message}`, line);
      }
    },
    tooLarge: (path, line) => {
      sink.leftOut(`${path}: too large to be read`, line);
    },
  };
  const document = new Elements(paths, elements);
  return {
    push: (bytes) => {
      document.push(bytes);
    },
    end: () => {
      const fault = document.end();
      if (fault !== undefined) sink.leftOut(`the document ${fault.what}`, fault.line);
      sink.end();
    },
  };
}
