import { Marked } from 'marked';
import sanitizeHtml from 'sanitize-html';
import { typeset } from './typography';

const marked = new Marked({
  gfm: true,
  walkTokens: (token) => {
    if (token.type === 'text' && !('tokens' in token && token.tokens)) token.text = typeset(token.text);
  },
});

const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];

/**
 * Renders Markdown to sanitized HTML. Keeps HTML formatting elements in the Markdown, and removes scripts, event
 * handlers, styles, and URLs with schemes other than `https`, `http`, and `mailto`.
 *
 * Changes the heading levels so that the highest heading has the level `topLevel`. The default is 2, because the page
 * title is the `<h1>`.
 */
export function renderMarkdown(markdown: string, topLevel = 2): string {
  const html = marked.parse(markdown, { async: false });
  const highest = HEADINGS.findIndex((heading) => html.includes(`<${heading}`));
  const shifted = HEADINGS.map((heading, level) => [heading, `h${Math.min(level - highest + topLevel, 6)}`] as const);
  return sanitizeHtml(html, {
    allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img', 'del', 'ins', 'details', 'summary'],
    allowedAttributes: {
      a: ['href', 'title'],
      img: ['src', 'alt', 'title', 'width', 'height', 'loading'],
      th: ['align', 'scope'],
      td: ['align'],
      ol: ['start'],
      pre: ['tabindex'],
      table: ['tabindex'],
    },
    allowedSchemes: ['https', 'http', 'mailto'],
    transformTags: {
      ...Object.fromEntries(shifted),
      img: (tagName, attribs) => ({ tagName, attribs: { alt: '', ...attribs, loading: 'lazy' } }),
      // Code blocks and tables scroll horizontally. `tabindex` makes them scrollable with the keyboard.
      pre: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
      table: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
    },
  });
}
