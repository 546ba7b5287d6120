import { getRssString } from '@astrojs/rss';
import type { APIRoute } from 'astro';
import { posts } from '../lib/api';
import { sanitizeMarkdown } from '../lib/markdown';
import { postPath } from '../lib/paths';
import { DESCRIPTION, NAME, siteUrl } from '../lib/site';

export const prerender = false;

const NAMESPACES = { atom: 'http://www.w3.org/2005/Atom', dc: 'http://purl.org/dc/elements/1.1/' };

// XML 1.0 allows no other control characters, and no escapes for them. https://www.w3.org/TR/xml/#charsets
const xmlText = (text: string): string => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '');

/** The 20 newest posts. */
export const GET: APIRoute = async () => {
  const query = { sort: '-published_at', limit: 20 } as const;
  const [page, summaries] = await Promise.all([
    posts.list(query),
    posts.list<'summary'>({ ...query, view: 'summary' }),
  ]);
  const excerpts = new Map(summaries.items.map(({ id, excerpt }) => [id, excerpt]));
  const xml = await getRssString({
    title: NAME,
    description: DESCRIPTION,
    site: siteUrl('/'),
    trailingSlash: false,
    xmlns: NAMESPACES,
    customData: `<language>en</language><atom:link href="${siteUrl('/rss.xml')}" rel="self" type="application/rss+xml"/>`,
    items: page.items.map((post) => {
      const url = siteUrl(postPath(post.slug));
      return {
        title: xmlText(post.title),
        link: url.href,
        description: xmlText(excerpts.get(post.id) ?? post.description ?? ''),
        content: xmlText(sanitizeMarkdown(post.content ?? '', { base: url })),
        categories: post.tags.map(xmlText),
        ...(post.authors.length > 0 && { author: post.authors.map(xmlText).join('\n') }),
        ...(post.published_at && { pubDate: new Date(post.published_at) }),
      };
    }),
  });
  return new Response(xml.replace(/<author>([^<]*)<\/author>/g, creators), {
    headers: { 'Content-Type': 'application/rss+xml; charset=utf-8' },
  });
};

/** In RSS, `author` is one email address. Dublin Core's `creator` is a name, and may be repeated. */
const creators = (_: string, names: string): string =>
  names
    .split('\n')
    .map((name) => `<dc:creator>${name}</dc:creator>`)
    .join('');
