/**
 * Recordings of any format to events. What a reader finds goes through the same pipelines and trackers as live traffic, so that
 * operations and findings are derived and not believed. It never throws for what is in a file and knows no store.
 */
import { type ImportFormat, TRAFFIC_READERS } from '../formats/importFormats.ts';
import type { FormatReader } from '../formats/traffic.ts';
import { nativeImport } from './native.ts';
import type { ImportOptions } from './options.ts';
import { TrafficImport } from './traffic.ts';

export function importReader(format: ImportFormat, options: ImportOptions): FormatReader {
  if (format === 'jsonl') return nativeImport(options);
  const traffic = new TrafficImport(options);
  const reader = TRAFFIC_READERS[format]({
    traffic: (item) => {
      traffic.take(item);
    },
    leftOut: options.leftOut,
  });
  return {
    push: (bytes) => {
      reader.push(bytes);
    },
    end: () => {
      reader.end();
      traffic.end();
    },
  };
}
