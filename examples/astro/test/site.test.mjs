// The built site in a browser, on a service of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { ask, KEY, start, startService } from '../../support/programs.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = `${HERE}test/output/`;
const PASSWORD = 'the-password-of-the-tests';
const VIEWS = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 900 } };
const MARKDOWN = `It's a *post* with "quotes", <mark>HTML</mark> and \`code "as is"\`.

# A heading

| left | right |
|---|---|
| ${'wide '.repeat(30)} | cell |

\`\`\`
${'a long line of code '.repeat(10)}
\`\`\`

![A picture](https://example.invalid/picture.png)

<script>document.title = 'taken over'</script><p onclick="alert(1)">Still here.</p>
<a href="javascript:alert(1)">A link</a> <img src=x onerror="document.title = 'taken over'">

<style>body { display: none }</style>`;

let service, site, browser;
const create = (post) => ask(service, '/api/posts', { method: 'POST', body: post, status: 201 });
const startSite = () =>
  start(process.execPath, ['dist/server/entry.mjs'], {
    cwd: HERE,
    env: { HOST: '127.0.0.1', PORT: '0', POSTS_API_URL: service.url, POSTS_API_READER_KEY: KEY, PREVIEW_PASSWORD: PASSWORD },
    ready: /listening on (http:\/\/[\d.:]+)/,
  });

before(async () => {
  service = await startService();
  for (let n = 1; n <= 24; n++) {
    await create({ title: `Post ${n}`, content: `What is *said* in post ${n}.`, published: true });
  }
  await create({ title: `The "rich" one`, content: MARKDOWN, published: true });
  await create({ title: 'Not yet', content: 'A secret.' });
  // The package is not on a registry yet, and its compiled code is not in the repository.
  if (!existsSync(new URL('../../../clients/typescript/dist', import.meta.url))) {
    execFileSync('npm', ['run', '--silent', 'client'], { cwd: HERE, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const env = { ...process.env, POSTS_API_URL: service.url, ASTRO_TELEMETRY_DISABLED: '1' };
  execFileSync(process.execPath, ['node_modules/astro/bin/astro.mjs', 'build'], { cwd: HERE, env, stdio: ['ignore', 'ignore', 'inherit'] });
  site = await startSite();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
  });
  rmSync(OUTPUT, { recursive: true, force: true });
  mkdirSync(OUTPUT, { recursive: true });
});
after(async () => {
  await browser?.close();
  await site?.stop();
  await service?.stop();
});

/** Runs `work` with a page of a browser of its own; nothing but this machine is asked. */
async function browse(work, options = {}) {
  const context = await browser.newContext({ baseURL: site.match[1], ...options });
  try {
    await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
    context.setDefaultTimeout(20_000);
    await work(await context.newPage());
  } finally {
    await context.close();
  }
}

const texts = (page, selector) => page.locator(selector).allTextContents();

test("the guide's page shows published posts, newest id first, with title and content", () =>
  browse(async (page) => {
    await page.goto('/posts');
    const titles = await texts(page, '.full > li > h2');
    assert.deepEqual(titles, ['The “rich” one', ...Array.from({ length: 19 }, (_, n) => `Post ${24 - n}`)]);
    assert.match(await page.locator('.full > li').nth(1).innerText(), /What is said in post 24\./);
    assert.doesNotMatch(await page.content(), /Not yet|A secret/);
  }));

test('the blog is read page by page, forth and back', () =>
  browse(async (page) => {
    await page.goto('/');
    const seen = [await texts(page, '.list h2')];
    for (let pages = 1; pages < 5 && (await page.getByRole('link', { name: 'Older' }).count()); pages++) {
      await page.getByRole('link', { name: 'Older' }).click();
      seen.push(await texts(page, '.list h2'));
    }
    assert.deepEqual(seen.map((titles) => titles.length), [10, 10, 5]);
    assert.equal(new Set(seen.flat()).size, 25);
    await page.getByRole('link', { name: 'Newer' }).click();
    assert.deepEqual(await texts(page, '.list h2'), seen[1]);
  }));

test('a post is Markdown, and what in it could do harm is gone', () =>
  browse(async (page) => {
    for (const path of ['/blog/the-rich-one', '/archive/the-rich-one']) {
      await page.goto(path);
      assert.equal(await page.title(), 'The “rich” one · Daybook');
      assert.equal(await page.locator('.prose > p').first().innerText(), 'It’s a post with “quotes”, HTML and code "as is".');
      assert.equal(await page.locator('.prose h2').innerText(), 'A heading');
      assert.ok(await page.getByText('Still here.').isVisible());
      assert.doesNotMatch(await page.locator('.prose').innerHTML(), /script|onclick|onerror|javascript:|<style/);
    }
  }));

test('what is published while somebody watches is there at the next load, and what is withdrawn is not', () =>
  browse(async (page) => {
    const title = page.getByRole('heading', { name: 'Breaking news' });
    const { id } = await create({ title: 'Breaking news', content: 'Now.' });
    await page.goto('/');
    assert.equal(await title.count(), 0);
    assert.equal((await page.goto('/blog/breaking-news')).status(), 404);
    await ask(service, `/api/posts/${id}/publish`, { method: 'POST' });
    assert.equal((await page.reload()).status(), 200);
    await page.goto('/');
    await title.waitFor();
    await ask(service, `/api/posts/${id}`, { method: 'DELETE', status: 204 });
    await page.reload();
    assert.equal(await title.count(), 0);
    await page.goto('/archive');
    assert.equal(await page.locator('.year li').count(), 25);
  }));

test('drafts are shown to whoever knows the password, and the key stays on the server', async () => {
  for (const path of ['/preview', '/preview/not-yet', '/preview/', '/%70review/not-yet', '//preview/not-yet']) {
    const stranger = await fetch(site.match[1] + path, { headers: { Authorization: `Basic ${btoa('x:wrong')}` } });
    assert.ok([401, 404].includes(stranger.status), `${path}: ${stranger.status}`);
    assert.doesNotMatch(await stranger.text(), /Not yet|secret/);
  }
  await browse(
    async (page) => {
      const response = await page.goto('/preview');
      assert.equal(response.headers()['cache-control'], 'private, no-store');
      await page.getByRole('link', { name: 'Not yet' }).click();
      await page.getByText('A secret.').waitFor();
      assert.ok(!(await page.content()).includes(KEY));
    },
    { httpCredentials: { username: 'me', password: PASSWORD } },
  );
});

test('/docs, where every operation can be tried out, writes and publishes a post with a key', () =>
  browse(async (page) => {
    const run = async (name, body, id) => {
      const block = page.locator(`[id$="${name}"]`).first();
      await block.locator('.opblock-summary').first().click();
      if (id) {
        await block.locator('input[placeholder="id"]').fill(String(id));
        await block.locator('input[placeholder="If-Match"]').fill('');
      }
      if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
      await block.getByRole('button', { name: 'Execute' }).click();
      const answer = block.locator('.live-responses-table .response');
      await answer.waitFor();
      return { status: await answer.locator('.response-col_status').innerText(), text: await answer.locator('.highlight-code code').first().innerText() };
    };
    await page.goto(`${service.url}/docs/`);
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    await page.locator('.auth-container input').fill(KEY);
    await page.locator('.auth-container').getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).last().click();
    await page.screenshot({ path: `${OUTPUT}docs.png` });
    const written = await run('create_post', { title: 'From the docs', content: 'Tried out.' });
    assert.match(written.status, /^201/);
    const { id, published } = JSON.parse(written.text);
    assert.equal(published, false);
    const made = await run('publish_post', {}, id);
    assert.match(made.status, /^200/);
    await page.screenshot({ path: `${OUTPUT}docs-tried-out.png` });
    await page.goto('/blog/from-the-docs');
    await page.getByText('Tried out.').waitFor();
    await ask(service, `/api/posts/${id}`, { method: 'DELETE', status: 204 });
  }));

const PAGES = {
  blog: '/', post: '/blog/the-rich-one', guide: '/posts', archive: '/archive', 'archive-post': '/archive/the-rich-one',
  drafts: '/preview', draft: '/preview/not-yet', 'not-found': '/blog/nowhere', unavailable: '/unavailable',
};
describe('every page is accessible and fits its screen', () => {
  for (const [screen, viewport] of Object.entries(VIEWS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`on a ${screen}, ${colorScheme}`, () =>
        browse(
          async (page) => {
            for (const [name, path] of Object.entries(PAGES)) {
              await page.goto(path);
              await page.evaluate(() => document.fonts.ready);
              await page.evaluate(axe.source);
              const { violations } = await page.evaluate(() => globalThis.axe.run());
              const wrong = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
              assert.deepEqual(wrong, [], name);
              const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
              assert.ok(tooWide <= 0, `${name} is ${tooWide} pixels too wide`);
              await page.screenshot({ path: `${OUTPUT}${name}-${screen}-${colorScheme}.png` });
            }
          },
          { viewport, colorScheme, httpCredentials: { username: 'me', password: PASSWORD } },
        ));
    }
  }
});

// The last test: afterwards the service is gone.
test('while the API is down, pages say so with a 503, and built pages are there', () =>
  browse(
    async (page) => {
      await service.stop();
      for (const path of ['/', '/posts', '/blog/the-rich-one', '/preview']) {
        const response = await page.goto(path);
        assert.equal(response.status(), 503, path);
        assert.ok(Number(response.headers()['retry-after']) > 0);
        await page.getByRole('heading', { name: 'cannot be shown at the moment' }).waitFor();
        assert.doesNotMatch(await page.content(), /Error|ECONN|node_modules|127\.0\.0\.1/);
      }
      assert.match(site.output(), /no_answer/);
      await page.getByRole('link', { name: 'The archive' }).click();
      await page.getByRole('link', { name: 'The “rich” one' }).click();
      assert.equal(await page.locator('.prose h2').innerText(), 'A heading');
    },
    { httpCredentials: { username: 'me', password: PASSWORD } },
  ));
