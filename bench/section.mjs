/** Puts what a bench found between the marks of its name in a document; everything else stays. */
export function writeSection(document, name, text) {
  const [before, , after] = document.split(new RegExp(`(<!-- ${name} -->.*<!-- /${name} -->)`, 's'));
  if (after === undefined) throw new Error(`the document has no <!-- ${name} --> to write into`);
  return `${before}<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->${after}`;
}
