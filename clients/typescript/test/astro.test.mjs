// The loaders in a real site, made of the README's own files.
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

/** A site with these files of the README, and others; it reads the service at `baseUrl`. */
async function makeSite(context, baseUrl, shown, others = {}) {
  const root = await mkdtemp(here('site-'));
  context.after(() => rm(root, { recursive: true, force: true }));
  const write = async (path, code) => {
    await mkdir(new URL('.', `file://${root}/${path}`), { recursive: true });
    await writeFile(`${root}/${path}`, code.replaceAll('http://127.0.0.1:8080', baseUrl));
  };
  await write('package.json', '{ "name": "site", "type": "module" }');
  for (const path of shown) await write(path, files.get(path));
  for (const [path, code] of Object.entries(others)) await write(path, code);
  await mkdir(`${root}/node_modules/@posts-api`, { recursive: true });
  await symlink(here('..'), `${root}/node_modules/@posts-api/client`);
  return root;
}

async function run(root, program, ...args) {
  const work = promisify(execFile)(process.execPath, [here(`../node_modules/${program}`), ...args], { cwd: root, env });
  return work.then(
    ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ status: code, output: stdout + stderr }),
  );
}
const build = (root) => run(root, 'astro/bin/astro.mjs', 'build');

const blog = 'src/pages/blog/[slug].astro';
const config = 'src/content.config.ts';

describe('in a real Astro site', { concurrency: true }, () => {
  test('a build has what is published, and keeps it where the service is gone', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    const hello = await client.posts.create({ title: 'Hello', content: 'My *first* post.', published: true });
    const other = await client.posts.create({
      title: 'Other',
      content: '---\na: [b\n---\n\n## Below',
      published: true,
    });
    await client.posts.create({ title: 'Draft', content: 'Secret' });
    const root = await makeSite(t, baseUrl, [config, blog]);
    const page = (slug) => readFile(`${root}/dist/blog/${slug}/index.html`, 'utf8');

    const first = await build(root);
    assert.equal(first.status, 0, first.output);
    assert.match(first.output, /2 posts: 2 new or changed, 0 gone/);
    assert.match(await page('hello'), /<h1>Hello<\/h1>\s*<p>My <em>first<\/em> post\.<\/p>/);
    assert.match(await page('other'), /a: \[b[^]*<h2 id="below">Below<\/h2>/, 'it is no frontmatter');
    await assert.rejects(page('draft'));

    await client.posts.update(hello.id, { content: 'Rewritten.' });
    await client.posts.unpublish(other.id);
    const second = await build(root);
    assert.match(second.output, /1 posts: 1 new or changed, 1 gone/);
    assert.match(await page('hello'), /<p>Rewritten\.<\/p>/);
    await assert.rejects(access(`${root}/dist/blog/other`));

    await stop();
    const third = await build(root);
    assert.equal(third.status, 0, third.output);
    assert.match(
      third.output,
      /posts: not loaded, its 1 posts stay as they were\. GET \/api\/posts failed with no_answer/,
    );
    assert.match(await page('hello'), /<p>Rewritten\.<\/p>/);
  });

  test('a first build without a service fails', async (t) => {
    const root = await makeSite(t, 'http://127.0.0.1:1', [config, blog]);
    const { status, output } = await build(root);
    assert.notEqual(status, 0);
    assert.match(output, /GET \/api\/posts failed with no_answer/);
  });

  test('Astro knows the types of both kinds of collections', async (t) => {
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
      // @ts-expect-error -- there is no such filter
      await getLiveCollection('latest', { author: 'a' });
    `;
    const tsconfig = { extends: 'astro/tsconfigs/strict', include: ['.astro/types.d.ts', '**/*.ts'] };
    const root = await makeSite(t, baseUrl, [config, 'src/live.config.ts'], {
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

  test('a live page shows a post from the next request on, and a 503 where the service is gone', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    const careless = `---
      import { createPostsClient } from '@posts-api/client';
      export const prerender = false;
      await createPostsClient({ baseUrl: '${baseUrl}', retries: 0 }).posts.getBySlug('nothing-here');
      ---`;
    const pages = { 'src/pages/careless.astro': careless.replace(/^ +/gm, '') };
    const root = await makeSite(t, baseUrl, ['src/live.config.ts', 'src/pages/latest.astro'], pages);
    const child = spawn(process.execPath, [here('../node_modules/astro/bin/astro.mjs'), 'dev', '--host', '127.0.0.1'], {
      cwd: root,
      env,
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    t.after(async () => (child.kill('SIGKILL'), await ended));
    const site = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url) resolve(url);
      });
      ended.then((code) => reject(new Error(`astro dev ended with ${code}`)));
    });
    const page = async () => {
      const answer = await fetch(`${site}/latest`);
      return { status: answer.status, modified: answer.headers.get('Last-Modified'), html: await answer.text() };
    };
    assert.equal((await page()).status, 200);
    const post = await client.posts.create({ title: 'Just now', content: 'It *shows*.', published: true });
    const shown = await page();
    assert.match(shown.html, /<p[^>]*>Just now: It shows\.<\/p>/);
    assert.equal(shown.modified, new Date(post.updated_at).toUTCString());
    await client.posts.unpublish(post.id);
    assert.doesNotMatch((await page()).html, /Just now/);
    const shownError = await (await fetch(`${site}/careless`, { signal: AbortSignal.timeout(30_000) })).text();
    assert.match(shownError, /<title>PostsApiError</, 'an error that nobody catches is shown');
    await stop();
    const down = await page();
    assert.equal(down.status, 503);
    assert.match(down.html, /Posts cannot be shown at the moment/);
  });
});
