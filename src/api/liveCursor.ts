/** A position in what is recorded, as clients keep it: what made it reads it, and to everybody else it is a text. Pure. */

const CURSOR = /^\d{1,20}[\w.-]{0,100}$/;

export function isLiveCursor(text: string): boolean {
  return CURSOR.test(text);
}
