import { createHash, timingSafeEqual } from 'node:crypto';
import { PREVIEW_PASSWORD } from 'astro:env/server';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether the request contains the preview password in HTTP Basic authentication (RFC 7617), with any user name. */
export function isPreviewAuthorized(request: Request): boolean {
  const [scheme, credentials = ''] = (request.headers.get('Authorization') ?? '').split(' ');
  if (!PREVIEW_PASSWORD || scheme?.toLowerCase() !== 'basic') return false;
  const pair = Buffer.from(credentials, 'base64').toString();
  return timingSafeEqual(digest(pair.slice(pair.indexOf(':') + 1)), digest(PREVIEW_PASSWORD));
}
