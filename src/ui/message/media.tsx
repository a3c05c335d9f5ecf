/** Images and audio of a message, shown from memory. Only types that a browser draws or plays without running anything. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { plain } from '../parts/text.tsx';
import { size } from '../words.ts';
import { MAX_DEPTH, type Path, pathText } from './treeRows.ts';

/** SVG is a document: it is shown as text. */
const IMAGES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
]);
const SOUNDS: ReadonlySet<string> = new Set([
  'audio/wav',
  'audio/x-wav',
  'audio/mpeg',
  'audio/mp3',
  'audio/ogg',
  'audio/webm',
  'audio/mp4',
  'audio/aac',
  'audio/flac',
]);
/** Shown of one message. */
const MAX_MEDIA = 20;
const MAX_VISITED = 100_000;

export interface Medium {
  readonly path: Path;
  readonly is: 'image' | 'audio';
  readonly mimeType: string;
  /** Base64. */
  readonly data: string;
}

/** Objects with a `mimeType` that can be shown and `data` or `blob` beside it, as MCP has them. */
export function mediaIn(root: unknown): readonly Medium[] {
  const found: Medium[] = [];
  const waiting: { readonly value: unknown; readonly path: Path }[] = [{ value: root, path: [] }];
  let visited = 0;
  for (let next = waiting.pop(); next !== undefined && visited < MAX_VISITED; next = waiting.pop()) {
    const { value, path } = next;
    visited += 1;
    if (typeof value !== 'object' || value === null || path.length >= MAX_DEPTH) continue;
    const medium = mediumOf(value as Readonly<Record<string, unknown>>, path);
    if (medium !== undefined && found.push(medium) === MAX_MEDIA) break;
    const entries: [string | number, unknown][] = Array.isArray(value)
      ? [...(value as unknown[]).slice(0, MAX_VISITED).entries()]
      : Object.entries(value);
    for (const [key, one] of entries.reverse()) waiting.push({ value: one, path: [...path, key] });
  }
  return found;
}

function mediumOf(
  { mimeType, data, blob }: Readonly<Record<string, unknown>>,
  path: Path,
): Medium | undefined {
  const content = data ?? blob;
  if (typeof mimeType !== 'string' || typeof content !== 'string' || content.startsWith('[media:'))
    return undefined;
  const type = mimeType.toLowerCase().split(';', 1)[0] ?? '';
  const is = IMAGES.has(type) ? 'image' : SOUNDS.has(type) ? 'audio' : undefined;
  return is === undefined ? undefined : { path, is, mimeType: type, data: content };
}

export function Media({ media }: { readonly media: readonly Medium[] }): VNode | null {
  if (media.length === 0) return null;
  return (
    <div class="media">
      {media.map((medium) => (
        <One key={pathText(medium.path)} medium={medium} />
      ))}
    </div>
  );
}

function One({ medium: { is, mimeType, data, path } }: { readonly medium: Medium }): VNode {
  const [url, setUrl] = useState<string | undefined>(undefined);
  const [broken, isBroken] = useState(false);
  useEffect(() => {
    const bytes = bytesOf(data);
    if (bytes === undefined) {
      isBroken(true);
      return;
    }
    const made = URL.createObjectURL(new Blob([bytes], { type: mimeType }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data, mimeType]);
  const name = `${mimeType}, ${size(Math.floor((data.length * 3) / 4))}, ${plain(pathText(path), 80)}`;
  return (
    <figure>
      {broken && <p class="faint">This is no {mimeType}.</p>}
      {!broken && url !== undefined && is === 'image' && (
        <img src={url} alt={`Recorded image, ${name}`} onError={() => isBroken(true)} />
      )}
      {!broken && url !== undefined && is === 'audio' && (
        <audio src={url} controls aria-label={`Recorded audio, ${name}`} onError={() => isBroken(true)} />
      )}
      <figcaption>{name}</figcaption>
    </figure>
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}
