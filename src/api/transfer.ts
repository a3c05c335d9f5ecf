/** Handlers of what goes out of the store and into it as a file. Both are redacted, streamed and written down in the audit log. */
import { setImmediate as breath } from 'node:timers/promises';
import { EXPORTERS, type ExportFormat } from '../formats/exportFormats.ts';
import { redactedSource } from '../formats/redaction.ts';
import { sourceOf } from '../formats/source.ts';
import { IMPORT_FORMATS } from '../formats/importFormats.ts';
import { importFile } from '../importing/file.ts';
import { openRedaction } from '../redaction.ts';
import type { Config } from '../config/config.ts';
import type { Redactor } from '../event/redact.ts';
import type { Handlers } from './handler.ts';
import { ApiError } from './problem.ts';
import { writable } from './stored.ts';

/** Text that is written at once. */
const PIECE_CHARS = 64 * 1024;
/** As large as any store that fits on a desktop's disk by default. */
const MAX_IMPORT_BYTES = 2 * 1024 * 1024 * 1024;
/** What is left out of an import is told up to here, then counted. */
const MAX_LEFT_OUT = 20;

const FILES: Readonly<Record<ExportFormat, readonly [type: string, ending: string]>> = {
  jsonl: ['application/jsonl', 'jsonl'],
  html: ['text/html; charset=utf-8', 'html'],
  har: ['application/json', 'har'],
  otlp: ['application/json', 'json'],
  md: ['text/markdown; charset=utf-8', 'md'],
};

export const TRANSFER_HANDLERS: Handlers<'export' | 'import'> = {
  export: async ({ context, open, session, query: { format }, audit }) => {
    const redactor = await redactorOf(context.loaded.config);
    audit({ action: 'export', session: session.id, format });
    const source = redactedSource(sourceOf(await open(session), session), redactor);
    const [type, ending] = FILES[format];
    return new Response(
      streamOf(EXPORTERS[format](source, { name: 'sidelight', version: context.version })),
      {
        headers: {
          'content-type': type,
          'content-disposition': `attachment; filename="sidelight-${session.id}.${ending}"`,
        },
      },
    );
  },
  import: async ({ context, query: { format }, body, audit }) => {
    writable(context);
    const { config } = context.loaded;
    const redactor = await redactorOf(config);
    audit({ action: 'import', ...(format !== undefined && { format }) });
    const leftOut: { what: string; line: number | undefined }[] = [];
    let leftOutCount = 0;
    const imported = await importFile({
      dataDir: config.dataDir,
      format,
      input: bounded(body),
      redactor,
      maxBodyBytes: config.maxBodyBytes,
      maxMessageBytes: config.maxMessageBytes,
      keepMedia: config.recordMedia,
      sessionIdleUs: config.http.sessionIdleMs * 1000,
      leftOut: (what, line) => {
        leftOutCount += 1;
        if (leftOut.length < MAX_LEFT_OUT) leftOut.push({ what, line });
      },
    });
    if (imported.format === undefined)
      throw new ApiError(400, `format: the body is in none that is known: ${IMPORT_FORMATS.join(', ')}`, {
        parameter: 'format',
      });
    if (imported.sessions.length === 0)
      throw new ApiError(400, `no session in the body can be read as ${imported.format}`, {
        parameter: 'format',
      });
    return { format: imported.format, sessions: imported.sessions, leftOut, leftOutCount };
  },
};

/** Whatever the settings say: what leaves this machine, or comes from another, is redacted. */
export async function redactorOf(config: Config): Promise<Redactor> {
  const { redactor } = await openRedaction({ ...config, redact: true });
  if (redactor === undefined) throw new TypeError('redaction is off');
  return redactor;
}

async function* bounded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > MAX_IMPORT_BYTES) throw new ApiError(413, `the body has more than ${MAX_IMPORT_BYTES} bytes`);
    yield piece;
    // Others are answered meanwhile.
    await breath();
  }
}

/** In pieces, each made when the one before was taken. */
function streamOf(text: Iterable<string>): ReadableStream<Uint8Array> {
  const iterator = text[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      await breath();
      let piece = '';
      while (piece.length < PIECE_CHARS) {
        const next = iterator.next();
        if (next.done === true) {
          if (piece !== '') controller.enqueue(Buffer.from(piece));
          controller.close();
          return;
        }
        piece += next.value;
      }
      controller.enqueue(Buffer.from(piece));
    },
    cancel() {
      iterator.return?.();
    },
  });
}
