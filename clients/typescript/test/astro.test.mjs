// Tests the loaders in Astro sites that are built from the files in the README.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { files } from './readme.mjs';
import { startService } from './service.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const env = { ...process.env, ASTRO_TELEMETRY_DISABLED: '1', NO_COLOR: '1', FORCE_COLOR: '0' };

/** Creates a site with the given README files and `otherFiles`. It reads from the service at `baseUrl`. */
async function createSite(context, baseUrl, readmeFiles, otherFiles = {}) {
  const root = await mkdtemp(here('site-'));
  context.after(() => rm(root, { recursive: true, force: true }));
  const write = async (path, code) => {
    await mkdir(new URL('.', `file://${root}/${path}`), { recursive: true });
    await writeFile(`${root}/${path}`, code.replaceAll('http://127.0.0.1:8080', baseUrl));
  };
  await write('package.json', '{ "name": "site", "type": "module" }');
  for (const path of readmeFiles) await write(path, files.get(path));
  for (const [path, code] of Object.entries(otherFiles)) await write(path, code);
  await mkdir(`${root}/node_modules/@posts-api`, { recursive: true });
  await symlink(here('..'), `${root}/node_modules/@posts-api/client`);
  return root;
}

async function run(root, program, ...args) {
  const result = promisify(execFile)(process.execPath, [here(`../node_modules/${program}`), ...args], {
    cwd: root,
    env,
  });
  return result.then(
    ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ status: code, output: stdout + stderr }),
  );
}

/** The code blocks of a document in this language. */
async function blocksOf(path, language) {
  const source = await readFile(here(path), 'utf8');
  return [...source.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code);
}

const build = (root) => run(root, 'astro/bin/astro.mjs', 'build');

const blogPage = 'src/pages/blog/[slug].astro';
const config = 'src/content.config.ts';

describe('in an Astro site', { concurrency: true }, () => {
  test('a build contains published posts and survives an outage', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    const hello = await client.posts.create({ title: 'Hello', content: 'My *first* post.', published: true });
    const other = await client.posts.create({
      title: 'Other',
      content: '---\na: [b\n---\n\n## Below',
      published: true,
    });
    await client.posts.create({ title: 'Draft', content: 'Secret' });
    const root = await createSite(t, baseUrl, [config, blogPage]);
    const page = (slug) => readFile(`${root}/dist/blog/${slug}/index.html`, 'utf8');

    const first = await build(root);
    assert.equal(first.status, 0, first.output);
    assert.match(first.output, /posts: 2 total, 2 new or changed, 0 removed/);
    assert.match(await page('hello'), /<h1>Hello<\/h1>\s*<p>My <em>first<\/em> post\.<\/p>/);
    assert.match(
      await page('other'),
      /a: \[b[^]*<h2 id="below">Below<\/h2>/,
      'the content is not parsed as frontmatter',
    );
    await assert.rejects(page('draft'));

    await client.posts.update(hello.id, { content: 'Rewritten.' });
    await client.posts.unpublish(other.id);
    const second = await build(root);
    assert.match(second.output, /posts: 1 total, 1 new or changed, 1 removed/);
    assert.match(await page('hello'), /<p>Rewritten\.<\/p>/);
    await assert.rejects(access(`${root}/dist/blog/other`));

    await stop();
    const third = await build(root);
    assert.equal(third.status, 0, third.output);
    assert.match(
      third.output,
      /failed to load posts; keeping the 1 posts of the previous load: GET \/api\/changes failed with no_response/,
    );
    assert.match(await page('hello'), /<p>Rewritten\.<\/p>/);
  });

  test("the migration from Astro's Prisma guide shows all posts", async (t) => {
    const { client, baseUrl } = await startService(t);
    const posts = Array.from({ length: 145 }, (_, index) => ({
      title: `Post ${index}`,
      content: 'Text',
      published: true,
    }));
    await client.posts.batch({ posts: [...posts, { title: 'Draft' }] });
    const [withClient, withFetch] = await blocksOf('../../../docs/guides/from-prisma-astro.md', 'js');
    const [example] = await blocksOf('../../../examples/astro/README.md', 'ts');
    const [, library, page] = example.split(/^\/\/ src\/.*\n/m);
    const code = { guide: withClient, fetch: withFetch, example: page };
    // The markup of the guide.
    const list = `<ul>{posts.map((post) => <li><h2>{post.title}</h2><Fragment set:html={post.content} /></li>)}</ul>`;
    const pages = Object.entries(code).map(([name, script]) => [
      `src/pages/${name}.astro`,
      `---\n${script}---\n${list}`,
    ]);
    const root = await createSite(t, baseUrl, [], { 'src/lib/api.ts': library, ...Object.fromEntries(pages) });
    const built = await build(root);
    assert.equal(built.status, 0, built.output);
    for (const name of Object.keys(code)) {
      const html = await readFile(`${root}/dist/${name}/index.html`, 'utf8');
      const titles = [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title]) => title);
      assert.deepEqual(titles, posts.map(({ title }) => title).reverse(), name);
    }
  });

  test('the first build fails if the service is down', async (t) => {
    const root = await createSite(t, 'http://127.0.0.1:1', [config, blogPage]);
    const { status, output } = await build(root);
    assert.notEqual(status, 0);
    assert.match(output, /GET \/api\/changes failed with no_response/);
  });

  test('Astro infers the types of both kinds of collections', async (t) => {
    const { baseUrl } = await startService(t);
    const check = `
      import { getCollection, getLiveCollection, getLiveEntry } from 'astro:content';
      import type { PostsApiError, PostSummary } from '@posts-api/client';
      type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
      function same<A, B>(_: Same<A, B>): void {}
      const [built] = await getCollection('posts');
      if (built) same<typeof built.data.content, string | null>(true);
      if (built) same<typeof built.data.excerpt, string>(true);
      const live = await getLiveCollection('latest', { limit: 5, q: 'word' });
      if (live.entries?.[0]) same<(typeof live.entries)[0]['data'], PostSummary>(true);
      if (live.error instanceof Error && 'requestId' in live.error) same<typeof live.error, PostsApiError>(true);
      const one = await getLiveEntry('latest', 'a-slug');
      if (one.entry) same<typeof one.entry.data.excerpt, string>(true);
      // @ts-expect-error -- a summary has no content
      one.entry?.data.content;
      if (built) same<typeof built.data.metadata, Record<string, unknown>>(true);
      const [rated] = await getCollection('rated');
      if (rated) same<typeof rated.data.metadata, { rating: number }>(true);
      await getLiveCollection('latest', { tag: ['a', 'b'], author: 'c' });
      // @ts-expect-error -- unknown filter
      await getLiveCollection('latest', { category: 'a' });
    `;
    const tsconfig = { extends: 'astro/tsconfigs/strict', include: ['.astro/types.d.ts', '**/*.ts'] };
    const ratedCollection = `  rated: defineCollection({
    loader: postsLoader({ baseUrl: '${baseUrl}', metadata: z.object({ rating: z.number() }) }),
  }),
};`;
    const root = await createSite(t, baseUrl, ['src/live.config.ts'], {
      [config]: `import { z } from 'astro/zod';\n${files.get(config).replace(/^};/m, ratedCollection)}`,
      'src/check.ts': check,
      'tsconfig.json': JSON.stringify(tsconfig),
    });
    const synced = await run(root, 'astro/bin/astro.mjs', 'sync');
    assert.equal(synced.status, 0, synced.output);
    for (const compiler of ['typescript', 'typescript-5']) {
      const { status, output } = await run(root, `${compiler}/bin/tsc`, '--noEmit', '-p', '.');
      assert.equal(status, 0, output);
    }
  });

  test('a live page shows new posts at once, and 503 in an outage', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    const uncaughtErrorPage = `---
      import { createPostsClient } from '@posts-api/client';
      export const prerender = false;
      await createPostsClient({ baseUrl: '${baseUrl}', retries: 0 }).posts.getBySlug('nothing-here');
      ---`;
    const pages = { 'src/pages/uncaught.astro': uncaughtErrorPage.replace(/^ +/gm, '') };
    // Stops the server before the site is deleted, because the server writes files there.
    let stopServer;
    t.after(() => stopServer?.());
    const root = await createSite(t, baseUrl, ['src/live.config.ts', 'src/pages/latest.astro'], pages);
    const child = spawn(process.execPath, [here('../node_modules/astro/bin/astro.mjs'), 'dev', '--host', '127.0.0.1'], {
      cwd: root,
      env,
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    stopServer = async () => (child.kill('SIGKILL'), await exited);
    const site = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url) resolve(url);
      });
      exited.then((code) => reject(new Error(`astro dev exited with ${code}`)));
    });
    const page = async () => {
      const response = await fetch(`${site}/latest`);
      return { status: response.status, modified: response.headers.get('Last-Modified'), html: await response.text() };
    };
    assert.equal((await page()).status, 200);
    const post = await client.posts.create({ title: 'Just now', content: 'Some *text*.', published: true });
    const published = await page();
    assert.match(published.html, /<p[^>]*>Just now: Some text\.<\/p>/);
    assert.equal(published.modified, new Date(post.updated_at).toUTCString());
    await client.posts.unpublish(post.id);
    assert.doesNotMatch((await page()).html, /Just now/);
    const errorPage = await (await fetch(`${site}/uncaught`, { signal: AbortSignal.timeout(30_000) })).text();
    assert.match(errorPage, /<title>PostsApiError</, "Astro's error page shows the uncaught error");
    await stop();
    const down = await page();
    assert.equal(down.status, 503);
    assert.match(down.html, /Posts are temporarily unavailable/);
  });
});
