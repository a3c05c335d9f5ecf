/** Handlers of what is not recorded: the configuration, and how this process does. Secrets stay masked. */
import type * as z from 'zod/mini';
import { printConfigJson } from '../config/print.ts';
import type { Settings } from './contract.ts';
import type { Handlers } from './handler.ts';
import { may } from './principal.ts';

export const ABOUT_HANDLERS: Handlers<'config' | 'health'> = {
  config: ({ context }) => JSON.parse(printConfigJson(context.loaded)) as z.infer<typeof Settings>,
  health: async ({ context, recordings, asker: { principal } }) => ({
    version: context.version,
    uptimeMs: context.now() - context.startedAt,
    live: (await recordings.openSessions()).filter(({ status }) => status === 'live').length,
    cursor: await recordings.position(),
    followers: context.live.followers,
    org: principal.org,
    role: principal.role,
    capabilities: {
      writes: context.stored !== undefined && may('admin', principal.role),
      replays: context.replays !== undefined && may('replayer', principal.role),
    },
    refused: context.pace.refused,
  }),
};
