/** Handlers of what is not recorded: the configuration, and how this process does. Secrets stay masked. */
import type * as z from 'zod/mini';
import { printConfigJson } from '../config/print.ts';
import type { Settings } from './contract.ts';
import type { Handlers } from './handler.ts';
import { liveCursor } from './liveCursor.ts';

export const ABOUT_HANDLERS: Handlers<'config' | 'health'> = {
  config: ({ context }) => JSON.parse(printConfigJson(context.loaded)) as z.infer<typeof Settings>,
  health: ({ context, reader }) => ({
    version: context.version,
    uptimeMs: context.now() - context.startedAt,
    live: reader.openSessions().filter(({ status }) => status === 'live').length,
    cursor: liveCursor(reader.position()),
    followers: context.live.followers,
  }),
};
