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
 * HTML of a post's Markdown that is safe to put into a page: HTML in the Markdown is kept as far as it only formats. The
 * highest heading becomes an `<h2>`, below the title of the page; `top` is for pages with more above it.
 */
export function renderMarkdown(markdown: string, top = 2): string {
  const html = marked.parse(markdown, { async: false });
  const highest = HEADINGS.findIndex((heading) => html.includes(`<${heading}`));
  const moved = HEADINGS.map((heading, level) => [heading, `h${Math.min(level - highest + top, 6)}`] as const);
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
      ...Object.fromEntries(moved),
      img: (tagName, attribs) => ({ tagName, attribs: { alt: '', ...attribs, loading: 'lazy' } }),
      // What may be wider than the page scrolls, also by keyboard.
      pre: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
      table: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
    },
  });
}
