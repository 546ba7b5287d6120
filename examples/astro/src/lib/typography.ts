/**
 * Replaces straight quotation marks, hyphens used as dashes, and three dots with typographic characters. Call it
 * separately for each text node.
 */
export function typeset(text: string): string {
  return text
    .replace(/(?<=^|[\s([{–—/“‘])"(?=\S)/g, (quote, at: number) => (at > 0 || /^"\w/.test(text) ? '“' : quote))
    .replace(/"/g, '”')
    .replace(/(?<=[\s([{–—/“])'(?=\S)|^'(?=\w)(?!(?:s|t|d|m|re|ve|ll)\b)/g, '‘')
    .replace(/'/g, '’')
    .replace(/(?<=\S) --? (?=\S)/g, ' – ')
    .replace(/\.\.\./g, '…');
}
