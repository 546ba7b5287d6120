// The characters that `decodeURI` does not decode, `%`, and `\`, which URL parsers replace with `/`. Astro decodes
// paths with `decodeURI`, several times.
const RESERVED = /%(2[3-6BCF]|3[ABDF]|40|5C)|~/g;
// `.` and `..` are relative paths, and Astro removes `.html` from the end of a path.
const SPECIAL_DOTS = /^\.|\.(?=html$)/g;

/**
 * Encodes a name, such as `C++`, as one segment of a path: percent-encoded, but with `~` instead of `%` where Astro or
 * a URL parser would change the segment.
 */
export const encodeName = (name: string): string =>
  encodeURIComponent(name)
    .replace(RESERVED, (_, hex: string | undefined) => `~${hex ?? '7E'}`)
    .replace(SPECIAL_DOTS, '~2E');

/** Decodes a segment that {@link encodeName} encoded and Astro decoded. */
export const decodeName = (segment: string): string =>
  segment.replace(/~([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

export const postPath = (slug: string): string => `/blog/${slug}`;
export const tagPath = (tag: string): string => `/tags/${encodeName(tag)}`;
export const authorPath = (author: string): string => `/authors/${encodeName(author)}`;

/**
 * Returns the URL of an image if it is an absolute path on this site or has the scheme `https` or `http`. Otherwise,
 * returns undefined. posts-api validates the field `image`, but not the images in the content, nor what other programs
 * write to the database.
 */
export function imageUrl(image: string | null | undefined): string | undefined {
  if (!image) return undefined;
  if (!image.startsWith('/')) return /^https?:\/\//i.test(image) ? URL.parse(image)?.href : undefined;
  // `//host` and `/\host` are URLs of another host.
  const url = URL.parse(image, 'http://this-site.invalid');
  return url?.host === 'this-site.invalid' ? image : undefined;
}
