// What the code of Astro's guide "Prisma Postgres & Astro" becomes beside posts-api, on the service's own database.
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.ts';

/** The guide's src/lib/prisma.ts. The schema is what the service's `DATABASE_URL` says, where it says one. */
export function connect(connectionString: string, schema?: string): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString }, schema ? { schema } : undefined) });
}

/** The guide's page: published posts, newest id first. */
export const publishedPosts = (prisma: PrismaClient) =>
  prisma.post.findMany({ where: { published: true }, orderBy: { id: 'desc' } });

/**
 * The guide's second variant, which opens a client of `pg`. It names the slug, which is unique here as the guide's title
 * is there, to insert nothing where the post is there already.
 */
export async function insertOnce(client: pg.Client, slug: string, title: string, content: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'INSERT INTO posts (slug, title, content) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING',
    [slug, title, content],
  );
  return rowCount === 1;
}

/** The same through the API, without a client of the database: `If-None-Match: *` only creates. */
export async function putOnce(api: string, key: string, slug: string, post: { title: string; content: string }): Promise<boolean> {
  const answer = await fetch(`${api}/api/posts/by-slug/${slug}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'If-None-Match': '*' },
    body: JSON.stringify(post),
  });
  if (answer.status !== 201 && answer.status !== 412) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.status === 201;
}

if (import.meta.main) {
  const prisma = connect(process.env.DATABASE_URL!);
  const post = await prisma.post.create({ data: { title: 'Written by Prisma', content: 'Hello.', published: true } });
  console.log(`/api/posts/by-slug/${post.slug}`);
  for (const { id, title } of await publishedPosts(prisma)) console.log(id, title);
  await prisma.$disconnect();
}
