/** Where a person finds what was recorded of a session or an operation: the link of spans and log lines. */
import type { Config } from '../config/config.ts';

/** Without an operation, of the whole session. */
export type RecordingUrl = (sessionId: string, operationId?: number) => string;

/** Undefined: nobody said where recordings can be looked at, or there are none. */
export function recordingUrls({ publicUrl, record }: Pick<Config, 'publicUrl' | 'record'>) {
  if (publicUrl === undefined || record === 'off') return undefined;
  return (sessionId: string, operationId?: number): string => {
    const session = `${publicUrl}/sessions/${sessionId}`;
    return operationId === undefined ? session : `${session}#operation-${operationId}`;
  };
}
