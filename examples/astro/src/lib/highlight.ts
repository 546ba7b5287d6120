import { bundledLanguages, codeToHtml, createCssVariablesTheme } from 'shiki';

// The colors are variables in `site.css`, each with a value for light and for dark mode.
const theme = createCssVariablesTheme();

// Longer code, in UTF-16 code units, is not highlighted, because Shiki may need seconds for it.
const MAX_LENGTH = 50_000;

// In milliseconds per line. By default, a server under load stops after 500 ms and leaves the rest of the line plain.
const TIME_LIMIT = 10_000;

const CODE_BLOCK = /<pre tabindex="0"><code class="language-([^" ]+)">([^<]*)<\/code><\/pre>/g;

const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&amp;': '&' };
const unescape = (html: string): string =>
  html.replace(/&(?:lt|gt|quot|amp);/g, (entity) => ENTITIES[entity] ?? entity);

/**
 * Highlights the code blocks with a known language in HTML from `sanitizeMarkdown`. Runs after sanitizing, so that the
 * sanitizer need not allow the styles of the highlighter. Shiki escapes the code.
 */
export async function highlight(html: string): Promise<string> {
  const blocks = [...html.matchAll(CODE_BLOCK)];
  const highlighted = await Promise.all(
    blocks.map(async ([block, name = '', code = '']) => {
      const lang = name.toLowerCase();
      if (!Object.hasOwn(bundledLanguages, lang) || code.length > MAX_LENGTH) return block;
      return codeToHtml(unescape(code).replace(/\n$/, ''), { lang, theme, tokenizeTimeLimit: TIME_LIMIT });
    }),
  );
  let next = 0;
  return html.replace(CODE_BLOCK, () => highlighted[next++] ?? '');
}
