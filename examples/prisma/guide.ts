// The code of Astro's guide "Prisma Postgres & Astro", adapted to the database of posts-api.
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.ts';

/**
 * The guide's src/lib/prisma.ts. If the `DATABASE_URL` of posts-api has a `schema` parameter, pass the same `schema`.
 */
export function connect(connectionString: string, schema?: string): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString }, schema ? { schema } : undefined) });
}

/** The query of the guide's page: published posts by descending id. */
export const publishedPosts = (prisma: PrismaClient) =>
  prisma.post.findMany({ where: { published: true }, orderBy: { id: 'desc' } });

/** Publishes a post with tags and authors. Their columns, and `metadata`, contain JSON as text. */
export const publishTagged = (prisma: PrismaClient, title: string, tags: string[], authors: string[]) =>
  prisma.post.create({
    data: {
      title,
      published: true,
      tags: JSON.stringify(tags),
      authors: JSON.stringify(authors),
      metadata: JSON.stringify({ from: 'Prisma' }),
    },
  });

/**
 * The guide's variant with a `pg` client: inserts a post unless the slug is in use, and returns whether it was
 * inserted. The guide has a unique title. In posts-api, the slug is unique, so the conflict target is `slug`.
 */
export async function insertOnce(client: pg.Client, slug: string, title: string, content: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'INSERT INTO posts (slug, title, content) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING',
    [slug, title, content],
  );
  return rowCount === 1;
}

/**
 * Like `insertOnce`, but through the API. With `If-None-Match: *`, the PUT request never replaces an existing post.
 */
export async function putOnce(
  baseUrl: string,
  key: string,
  slug: string,
  post: { title: string; content: string },
): Promise<boolean> {
  const response = await fetch(`${baseUrl}/api/posts/by-slug/${slug}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'If-None-Match': '*' },
    body: JSON.stringify(post),
  });
  if (response.status !== 201 && response.status !== 412)
    throw new Error(`${response.status}: ${await response.text()}`);
  return response.status === 201;
}

if (import.meta.main) {
  const prisma = connect(process.env.DATABASE_URL!);
  const post = await prisma.post.create({ data: { title: 'Written by Prisma', content: 'Hello.', published: true } });
  console.log(`/api/posts/by-slug/${post.slug}`);
  for (const { id, title } of await publishedPosts(prisma)) console.log(id, title);
  await prisma.$disconnect();
}
