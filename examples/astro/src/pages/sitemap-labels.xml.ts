import type { APIRoute } from 'astro';
import { getCollection } from 'astro:content';
import { fold } from '../lib/labels';
import { authorPath, tagPath } from '../lib/paths';
import { siteUrl } from '../lib/site';

/** The URLs of the pages of all tags and authors, at build time. The paths contain no characters that XML reserves. */
export const GET: APIRoute = async () => {
  // The canonical URL of a page has the spelling of the newest post.
  const posts = (await getCollection('archive')).map(({ data }) => data);
  posts.sort((a, b) => (b.published_at ?? '').localeCompare(a.published_at ?? '') || b.id - a.id);
  const paths = [
    ...uniqueNames(posts.flatMap(({ tags }) => tags)).map(tagPath),
    ...uniqueNames(posts.flatMap(({ authors }) => authors)).map(authorPath),
  ];
  const urls = paths.map((path) => `<url><loc>${siteUrl(path).href}</loc></url>`);
  const xml = `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${urls.join('')}</urlset>`;
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>${xml}`, {
    headers: { 'Content-Type': 'application/xml' },
  });
};

/** The first spelling of each name. */
function uniqueNames(names: readonly string[]): string[] {
  return [...new Map(names.toReversed().map((name) => [fold(name), name])).values()].sort();
}
