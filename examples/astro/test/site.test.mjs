// Tests the built site in Chromium, against a temporary service.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { KEY, request, start, startService } from '../../support/programs.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = `${HERE}test/output/`;
const PASSWORD = 'the-password-of-the-tests';
const VIEWPORTS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const MARKDOWN = `It's a *post* with "quotes", <mark>HTML</mark> and \`code "as is"\`.

# A heading

| left | right |
|---|---|
| ${'wide '.repeat(30)} | cell |

\`\`\`
${'a long line of code '.repeat(10)}
\`\`\`

![A picture](https://example.invalid/picture.png)

<script>document.title = 'injected'</script><p onclick="alert(1)">Plain text.</p>
<a href="javascript:alert(1)">A link</a> <img src=x onerror="document.title = 'injected'">

<style>body { display: none }</style>`;

let service, site, browser;
const create = (post) => request(service, '/api/posts', { method: 'POST', body: post, status: 201 });
const startSite = () =>
  start(process.execPath, ['dist/server/entry.mjs'], {
    cwd: HERE,
    env: { HOST: '127.0.0.1', PORT: '0', POSTS_API_URL: service.url, POSTS_API_READER_KEY: KEY, PREVIEW_PASSWORD: PASSWORD },
    ready: /listening on (http:\/\/[\d.:]+)/,
  });

before(async () => {
  service = await startService();
  for (let n = 1; n <= 24; n++) {
    await create({ title: `Post ${n}`, content: `The *text* of post ${n}.`, published: true });
  }
  await create({ title: `The "rich" post`, content: MARKDOWN, published: true });
  await create({ title: 'Unfinished', content: 'Draft text.' });
  // The SDK is not published to a registry yet, so it is built from this repository.
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

/** Runs `work` with a page in a new browser context. Requests to other hosts are blocked. */
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

test("the guide's page lists published posts by descending id", () =>
  browse(async (page) => {
    await page.goto('/posts');
    const titles = await texts(page, '.full > li > h2');
    assert.deepEqual(titles, ['The “rich” post', ...Array.from({ length: 19 }, (_, n) => `Post ${24 - n}`)]);
    assert.match(await page.locator('.full > li').nth(1).innerText(), /The text of post 24\./);
    assert.doesNotMatch(await page.content(), /Unfinished|Draft text/);
  }));

test('the blog has links to newer and older pages', () =>
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

test('posts are rendered from Markdown and sanitized', () =>
  browse(async (page) => {
    for (const path of ['/blog/the-rich-post', '/archive/the-rich-post']) {
      await page.goto(path);
      assert.equal(await page.title(), 'The “rich” post · Daybook');
      assert.equal(await page.locator('.prose > p').first().innerText(), 'It’s a post with “quotes”, HTML and code "as is".');
      assert.equal(await page.locator('.prose h2').innerText(), 'A heading');
      assert.ok(await page.getByText('Plain text.').isVisible());
      assert.doesNotMatch(await page.locator('.prose').innerHTML(), /script|onclick|onerror|javascript:|<style/);
    }
  }));

test('published and deleted posts show after a reload', () =>
  browse(async (page) => {
    const title = page.getByRole('heading', { name: 'Breaking news' });
    const { id } = await create({ title: 'Breaking news', content: 'Now.' });
    await page.goto('/');
    assert.equal(await title.count(), 0);
    assert.equal((await page.goto('/blog/breaking-news')).status(), 404);
    await request(service, `/api/posts/${id}/publish`, { method: 'POST' });
    assert.equal((await page.reload()).status(), 200);
    await page.goto('/');
    await title.waitFor();
    await request(service, `/api/posts/${id}`, { method: 'DELETE', status: 204 });
    await page.reload();
    assert.equal(await title.count(), 0);
    await page.goto('/archive');
    assert.equal(await page.locator('.year li').count(), 25);
  }));

test('previews require the password and do not leak the key', async () => {
  for (const path of ['/preview', '/preview/unfinished', '/preview/', '/%70review/unfinished', '//preview/unfinished']) {
    const response = await fetch(site.match[1] + path, { headers: { Authorization: `Basic ${btoa('x:wrong')}` } });
    assert.ok([401, 404].includes(response.status), `${path}: ${response.status}`);
    assert.doesNotMatch(await response.text(), /Unfinished|Draft text/);
  }
  await browse(
    async (page) => {
      const response = await page.goto('/preview');
      assert.equal(response.headers()['cache-control'], 'private, no-store');
      await page.getByRole('link', { name: 'Unfinished' }).click();
      await page.getByText('Draft text.').waitFor();
      assert.ok(!(await page.content()).includes(KEY));
    },
    { httpCredentials: { username: 'me', password: PASSWORD } },
  );
});

test('/docs can create and publish a post', () =>
  browse(async (page) => {
    const execute = async (name, body, id) => {
      const block = page.locator(`[id$="${name}"]`).first();
      await block.locator('.opblock-summary').first().click();
      if (id) {
        await block.locator('input[placeholder="id"]').fill(String(id));
        await block.locator('input[placeholder="If-Match"]').fill('');
      }
      if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
      await block.getByRole('button', { name: 'Execute' }).click();
      const response = block.locator('.live-responses-table .response');
      await response.waitFor();
      return { status: await response.locator('.response-col_status').innerText(), text: await response.locator('.highlight-code code').first().innerText() };
    };
    await page.goto(`${service.url}/docs/`);
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    await page.locator('.auth-container input').fill(KEY);
    await page.locator('.auth-container').getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).last().click();
    await page.screenshot({ path: `${OUTPUT}docs.png` });
    const created = await execute('create_post', { title: 'From the docs', content: 'Some text.' });
    assert.match(created.status, /^201/);
    const { id, published } = JSON.parse(created.text);
    assert.equal(published, false);
    const publication = await execute('publish_post', {}, id);
    assert.match(publication.status, /^200/);
    await page.screenshot({ path: `${OUTPUT}docs-executed.png` });
    await page.goto('/blog/from-the-docs');
    await page.getByText('Some text.').waitFor();
    await request(service, `/api/posts/${id}`, { method: 'DELETE', status: 204 });
  }));

const PAGES = {
  blog: '/', post: '/blog/the-rich-post', guide: '/posts', archive: '/archive', 'archive-post': '/archive/the-rich-post',
  drafts: '/preview', draft: '/preview/unfinished', 'not-found': '/blog/no-such-post', unavailable: '/unavailable',
};
describe('every page is accessible and fits the screen', () => {
  for (const [device, viewport] of Object.entries(VIEWPORTS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`on a ${device} in ${colorScheme} mode`, () =>
        browse(
          async (page) => {
            for (const [name, path] of Object.entries(PAGES)) {
              await page.goto(path);
              await page.evaluate(() => document.fonts.ready);
              await page.evaluate(axe.source);
              const { violations } = await page.evaluate(() => globalThis.axe.run());
              const problems = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
              assert.deepEqual(problems, [], name);
              const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
              assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
              await page.screenshot({ path: `${OUTPUT}${name}-${device}-${colorScheme}.png` });
            }
          },
          { viewport, colorScheme, httpCredentials: { username: 'me', password: PASSWORD } },
        ));
    }
  }
});

// This test stops the service, so it must be the last.
test('during an outage, pages return 503 and the archive works', () =>
  browse(
    async (page) => {
      await service.stop();
      for (const path of ['/', '/posts', '/blog/the-rich-post', '/preview']) {
        const response = await page.goto(path);
        assert.equal(response.status(), 503, path);
        assert.ok(Number(response.headers()['retry-after']) > 0);
        await page.getByRole('heading', { name: 'Posts are temporarily unavailable' }).waitFor();
        assert.doesNotMatch(await page.content(), /Error|ECONN|node_modules|127\.0\.0\.1/);
      }
      assert.match(site.output(), /no_response/);
      await page.getByRole('link', { name: 'the archive' }).click();
      await page.getByRole('link', { name: 'The “rich” post' }).click();
      assert.equal(await page.locator('.prose h2').innerText(), 'A heading');
    },
    { httpCredentials: { username: 'me', password: PASSWORD } },
  ));
