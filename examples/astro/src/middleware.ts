import { PostsApiError } from '@posts-api/client';
import { defineMiddleware } from 'astro:middleware';
import { drafts } from './lib/api';
import { isPreviewAuthorized } from './lib/preview';

// The post does not exist, or a name or cursor in the URL was edited.
const NOT_FOUND = ['not_found', 'invalid_cursor', 'invalid_parameter'];

// Astro renders 404.astro for a 404 response without a body.
const notFound = (): Response => new Response(null, { status: 404 });

/** Protects the previews with a password, and responds to errors of posts-api with error pages. */
export const onRequest = defineMiddleware(async (context, next) => {
  const isPreview = context.routePattern.startsWith('/preview');
  if (isPreview && !drafts) return notFound();
  if (isPreview && !isPreviewAuthorized(context.request)) {
    return new Response('Enter the preview password to see drafts.', {
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
    if (NOT_FOUND.includes(error.code)) return notFound();
    console.error(error.message);
    return context.rewrite('/unavailable');
  }
});
