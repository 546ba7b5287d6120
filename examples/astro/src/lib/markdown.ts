import { Marked } from 'marked';
import sanitizeHtml from 'sanitize-html';
import { highlight } from './highlight';
import { imageUrl } from './paths';
import { typeset } from './typography';

const marked = new Marked({
  gfm: true,
  walkTokens: (token) => {
    if (token.type === 'text' && !('tokens' in token && token.tokens)) token.text = typeset(token.text);
  },
});

const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];

interface Options {
  /** The level of the highest heading. The default is 2, because the page title is the `<h1>`. */
  topLevel?: number;
  /** The URL that relative links are resolved against, for HTML that is shown outside of the site. */
  base?: URL;
}

/** Renders Markdown as {@link sanitizeMarkdown} does, and highlights the code blocks. */
export const renderMarkdown = (markdown: string, options: Options = {}): Promise<string> =>
  highlight(sanitizeMarkdown(markdown, options));

/**
 * Renders Markdown to sanitized HTML. Keeps HTML formatting elements in the Markdown, and removes scripts, event
 * handlers, styles, URLs with schemes other than `https`, `http`, and `mailto`, and images with relative paths.
 */
export function sanitizeMarkdown(markdown: string, { topLevel = 2, base }: Options = {}): string {
  const html = marked.parse(markdown, { async: false });
  const highest = HEADINGS.findIndex((heading) => html.includes(`<${heading}`));
  const shifted = HEADINGS.map((heading, level) => [heading, `h${Math.min(level - highest + topLevel, 6)}`] as const);
  const resolve = (url: string | undefined) => (url !== undefined && base && URL.parse(url, base)?.href) || url;
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
    allowedClasses: { code: ['language-*'] },
    allowedSchemes: ['https', 'http', 'mailto'],
    transformTags: {
      ...Object.fromEntries(shifted),
      a: (tagName, { href, ...attribs }) => ({ tagName, attribs: { ...attribs, ...optional('href', resolve(href)) } }),
      img: (tagName, { src, ...attribs }) => ({
        tagName,
        attribs: { alt: '', ...attribs, loading: 'lazy', ...optional('src', resolve(imageUrl(src))) },
      }),
      // Code blocks and tables scroll horizontally. `tabindex` makes them scrollable with the keyboard.
      pre: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
      table: (tagName) => ({ tagName, attribs: { tabindex: '0' } }),
    },
    exclusiveFilter: ({ tag, attribs }) => tag === 'img' && !attribs['src'],
  });
}

const optional = (name: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [name]: value };
