import { PostsApiError } from '@posts-api/client';
import { defineMiddleware } from 'astro:middleware';
import { drafts } from './lib/api';
import { maySeeDrafts } from './lib/preview';

// An answer without a body gets the page for its status.
const notFound = (): Response => new Response(null, { status: 404 });

/** Guards the previews, and turns what posts-api could not answer into a page. */
export const onRequest = defineMiddleware(async (context, next) => {
  const isPreview = context.routePattern.startsWith('/preview');
  if (isPreview && !drafts) return notFound();
  if (isPreview && !maySeeDrafts(context.request)) {
    return new Response('The password for previews is needed.', {
      status: 401,
      headers: { 'WWW-Authenticate': 'Basic realm="Previews", charset="UTF-8"', 'Cache-Control': 'no-store' },
    });
  }
  try {
    const response = await next();
    if (isPreview) response.headers.set('Cache-Control', 'private, no-store');
    return response;
  } catch (error) {
    if (!(error instanceof PostsApiError)) throw error;
    // No such post, or a link to a page of a list that was changed by hand.
    if (error.code === 'not_found' || error.code === 'invalid_cursor') return notFound();
    console.error(error.message);
    return context.rewrite('/unavailable');
  }
});
