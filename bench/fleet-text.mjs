/** Texts that compress as those of tools do: words, numbers and ids, the same in every run. */

const WORDS = (
  'account amount answer argument array balance batch body branch build cache call change channel client code ' +
  'column commit config content count created cursor customer data date default deleted description detail device ' +
  'document email enabled entry error event example expected failed field file filter folder found header history ' +
  'host image index input invoice item key label language length level limit line link list local location log main ' +
  'manager match member message method metric model module name next node note number object offset open option order ' +
  'output owner page parent password path payment plan policy port price process product profile project property ' +
  'query range reason record region release report request resource response result role row rule schema search ' +
  'section server service session setting shape size source stage start state status step store string summary ' +
  'support system table tag target task team template test text thread time title token tool total trace type unit ' +
  'update user value version view volume week weight window work year zone'
).split(' ');

/** A stream of whole numbers below a bound. */
export function numbers(seed) {
  let state = (seed * 2_654_435_761) >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/** About so many characters. */
export function said(draw, length) {
  let text = '';
  while (text.length < length) {
    const kind = draw(8);
    text +=
      kind === 0
        ? `${draw(1_000_000)} `
        : kind === 1
          ? `${draw(0x7fffffff).toString(16)}${draw(0x7fffffff).toString(16)} `
          : `${WORDS[draw(WORDS.length)]} `;
  }
  return text;
}
