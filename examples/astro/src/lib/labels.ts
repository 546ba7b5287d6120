import type { Page, PostSummary } from '@posts-api/client';
import { posts } from './api';
import { decodeName } from './paths';

/** A page of the posts with a tag, or by an author. */
export interface LabelPage {
  /** The name as the newest of these posts spells it. posts-api compares names without regard to case. */
  name: string;
  page: Page<PostSummary>;
}

/** Lists the published posts with the tag or author in a path segment. Returns undefined if there are none. */
export async function listByLabel(
  field: 'tag' | 'author',
  segment: string | undefined,
  cursor: string | null,
): Promise<LabelPage | undefined> {
  const requested = decodeName(segment ?? '');
  const query = { view: 'summary', sort: '-published_at', limit: 10, [field]: requested } as const;
  const page = await posts.list<'summary'>({ ...query, ...(cursor && { cursor }) });
  const names = page.items[0]?.[field === 'tag' ? 'tags' : 'authors'];
  if (!names) return undefined;
  return { name: names.find((name) => fold(name) === fold(requested)) ?? requested, page };
}

/** Names with the same folded form have the same page. posts-api ignores the case of ASCII letters only. */
export const fold = (name: string): string => name.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
