/** What a user wrote that cannot be used, told in one line. It never shows a secret or sends a control character. */

/** `message` is one line: where it was written, what is wrong with it and what would be right. Ends with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config_invalid';
}

/** Beyond this a value in a message is cut: enough to recognise it by. */
const MAX_QUOTED_CHARS = 80;

/** A value for a line on a terminal: quoted, on one line, cut, URL credentials masked. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return plain(cut(maskUserinfo(text ?? String(value))));
}

/** Text with every control character (C0, C1, Unicode line ends) escaped. */
export function plain(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `https://user:password@host` becomes `https://***@host`. */
export function maskUserinfo(text: string): string {
  return text.replace(/\/\/[^/@\s"]*@/g, '//***@');
}

function cut(text: string): string {
  return text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}...` : text;
}
