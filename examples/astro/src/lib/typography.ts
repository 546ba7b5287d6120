/** The text with the quotation marks, dashes and dots that a printer would take. Elements of a text come one by one. */
export function typeset(text: string): string {
  return text
    .replace(/(?<=^|[\s([{–—/“‘])"(?=\S)/g, (quote, at: number) => (at > 0 || /^"\w/.test(text) ? '“' : quote))
    .replace(/"/g, '”')
    .replace(/(?<=[\s([{–—/“])'(?=\S)|^'(?=\w)(?!(?:s|t|d|m|re|ve|ll)\b)/g, '‘')
    .replace(/'/g, '’')
    .replace(/(?<=\S) --? (?=\S)/g, ' – ')
    .replace(/\.\.\./g, '…');
}

/** An excerpt with a sign that it goes on, unless it ends with a sentence. */
export function typesetExcerpt(excerpt: string): string {
  const text = typeset(excerpt);
  return text === '' || /[.!?…][”’)]*$/.test(text) ? text : `${text.replace(/[\s,;:–—-]+$/, '')}\u00A0…`;
}
