/**
 * `sidelight health`: whether the Sidelight that the configuration describes is well, by asking its admin listener. It
 * is for health checks of containers, which have no curl; it starts, changes and reads nothing else.
 */
import { get } from 'node:http';
import { ConfigError } from '../config/error.ts';
import type { Loaded } from '../config/load.ts';
import { type Address, ADDRESS } from '../config/schema.ts';
import { safe, type Terminal } from './terminal.ts';

export interface HealthOptions {
  /** Ask only whether it runs, not whether every output works. */
  readonly live?: boolean;
}

/** Who checks health gives up after some seconds, too; this way the reason is told. */
const ANSWER_MS = 3000;
/** A line for each part with a problem; more than that is no answer of ours. */
const MAX_ANSWER_BYTES = 16 * 1024;

/** An address that is listened on everywhere is asked for here. */
const HERE: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Prints the answer; resolves to the exit code: 0 well, 1 not. Throws ConfigError where there is nobody to ask. */
export async function health(
  { config: { admin } }: Loaded,
  options: HealthOptions,
  terminal: Terminal,
): Promise<number> {
  if (admin === undefined)
    throw new ConfigError('admin: nothing is served that could be asked; set --admin as the sidecar has it');
  if (admin.port === 0)
    throw new ConfigError('admin: with port 0 nobody knows which one it got; set a port, here and there');
  const address = { host: HERE.get(admin.host) ?? admin.host, port: admin.port };
  const path = options.live === true ? '/healthz' : '/readyz';
  let answer: Answer;
  try {
    answer = await ask(address, path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    terminal.problem(`${ADDRESS.show(address)} does not answer (${safe(code ?? message)})`);
    return 1;
  }
  const lines = answer.text.split('\n').filter((line) => line !== '');
  if (answer.status === 200) {
    for (const line of lines) await terminal.line(safe(line));
    return 0;
  }
  for (const line of lines) terminal.problem(safe(line));
  if (lines.length === 0) terminal.problem(`${ADDRESS.show(address)} answers HTTP ${answer.status}`);
  return 1;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** No proxy of the environment is asked, and nothing is kept open. */
function ask({ host, port }: Address, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    get({ host, port, path, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        if (text.length < MAX_ANSWER_BYTES) text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    }).on('error', reject);
  });
}
