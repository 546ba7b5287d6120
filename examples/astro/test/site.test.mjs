// Tests the built site in Chromium, against a temporary service.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { KEY, request, start, startService } from '../../support/programs.mjs';
import { imageUrl } from '../src/lib/paths.ts';
import { LONG_WORDS, ODD, ODD_NAMES, RICH, WORD } from './fixtures.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = `${HERE}test/output/`;
const PASSWORD = 'the-password-of-the-tests';
const VIEWPORTS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const SITE_URL = 'https://daybook.example';

let service, site, browser, longWords;
const create = (post) => request(service, '/api/posts', { method: 'POST', body: post, status: 201 });
const astro = (command) => {
  const env = { ...process.env, POSTS_API_URL: service.url, SITE_URL, ASTRO_TELEMETRY_DISABLED: '1' };
  execFileSync(process.execPath, ['node_modules/astro/bin/astro.mjs', command], {
    cwd: HERE,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
};
const startSite = () =>
  start(process.execPath, ['dist/server/entry.mjs'], {
    cwd: HERE,
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      POSTS_API_URL: service.url,
      POSTS_API_READER_KEY: KEY,
      PREVIEW_PASSWORD: PASSWORD,
    },
    ready: /listening on (http:\/\/[\d.:]+)/,
  });

before(async () => {
  service = await startService();
  await service.importPosts(`${HERE}sample-posts.ndjson`);
  for (let n = 1; n <= 24; n++) {
    await create({ title: `Post ${n}`, content: `The *text* of post ${n}.`, published: true });
  }
  await create(ODD);
  longWords = await create(LONG_WORDS);
  await create(RICH);
  await create({
    title: 'Unfinished',
    content: 'Draft text.',
    tags: ['Draft tag', 'Harbor'],
    authors: ['Draft author'],
  });
  // The SDK is not published to a registry yet, so it is built from this repository.
  if (!existsSync(new URL('../../../clients/typescript/dist', import.meta.url))) {
    execFileSync('npm', ['run', '--silent', 'client'], { cwd: HERE, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  astro('build');
  site = await startSite();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
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
    await context.route(
      (url) => url.hostname !== '127.0.0.1',
      (route) => route.abort(),
    );
    context.setDefaultTimeout(20_000);
    await work(await context.newPage());
  } finally {
    await context.close();
  }
}

const texts = (page, selector) => page.locator(selector).allTextContents();

/** Requests a path of the site. Does not follow redirects. */
const get = (path, headers = {}) => fetch(site.match[1] + path, { redirect: 'manual', headers });
const getText = async (path) => (await get(path)).text();

test('astro check finds no errors', () => astro('check'));

test("the guide's page lists all published posts by descending id", () =>
  browse(async (page) => {
    await page.goto('/posts');
    const titles = await texts(page, '.full > li > h2');
    const posts = Array.from({ length: 24 }, (_, n) => `Post ${24 - n}`);
    assert.deepEqual(titles.slice(0, 27), ['The “rich” post', LONG_WORDS.title, 'Odd names', ...posts]);
    assert.equal(titles.length, 34, 'more than one page of the API');
    assert.match(await page.locator('.full > li').nth(3).innerText(), /The text of post 24\./);
    assert.doesNotMatch(await page.content(), /Unfinished|Draft text/);
  }));

test('the blog has links to newer and older pages', () =>
  browse(async (page) => {
    await page.goto('/');
    const seen = [await texts(page, '.list h2')];
    for (let pages = 1; pages < 6 && (await page.getByRole('link', { name: 'Older' }).count()); pages++) {
      await page.getByRole('link', { name: 'Older' }).click();
      seen.push(await texts(page, '.list h2'));
    }
    assert.deepEqual(
      seen.map((titles) => titles.length),
      [10, 10, 10, 4],
    );
    assert.equal(new Set(seen.flat()).size, 34);
    await page.getByRole('link', { name: 'Newer' }).click();
    assert.deepEqual(await texts(page, '.list h2'), seen[2]);
  }));

test('posts are rendered from Markdown and sanitized', () =>
  browse(async (page) => {
    for (const path of ['/blog/the-rich-post', '/archive/the-rich-post']) {
      await page.goto(path);
      assert.equal(await page.title(), 'The “rich” post · Daybook');
      assert.equal(
        await page.locator('.prose > p').first().innerText(),
        'It’s a post with “quotes”, HTML and code "as is".',
      );
      assert.equal(await page.locator('.prose h2').innerText(), 'A heading');
      assert.ok(await page.getByText('Plain text.').isVisible());
      assert.doesNotMatch(
        await page.locator('.prose').innerHTML(),
        /<script|onclick|onerror|javascript:|<style|evil|color: red/,
      );
      const images = await page
        .locator('.prose img')
        .evaluateAll((images) => images.map((image) => image.getAttribute('src')));
      assert.deepEqual(images, ['https://example.invalid/picture.png', '/images/bread.png']);
    }
  }));

test('code is highlighted in light and dark mode', async () => {
  const colors = {};
  for (const colorScheme of ['light', 'dark']) {
    await browse(
      async (page) => {
        for (const path of ['/blog/the-rich-post', '/archive/the-rich-post', '/posts']) {
          await page.goto(path);
          const code = page.locator('pre', { hasText: 'const text' });
          assert.equal(
            await code.innerText(),
            `const text: string = "</code></pre><script>document.title = 'injected'</script>"; // $& & $1`,
          );
          colors[colorScheme] = await code
            .locator('span span')
            .evaluateAll((spans) => spans.map((span) => getComputedStyle(span).color));
          assert.ok(new Set(colors[colorScheme]).size >= 4, 'keywords, strings, and comments have different colors');
          assert.ok(
            await page.locator('pre', { hasText: 'let html' }).locator('span span').count(),
            'code in HTML is highlighted',
          );
          assert.equal((await page.locator('pre', { hasText: 'plain <b>' }).innerText()).trim(), 'plain <b>code</b>');
        }
      },
      { colorScheme },
    );
  }
  assert.ok(colors.light.every((color, at) => color !== colors.dark[at]));
});

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
    assert.equal(await page.locator('.year li').count(), 34);
  }));

test('the archive has links to its years', () =>
  browse(async (page) => {
    await page.goto('/archive');
    const years = await texts(page, '.years a');
    assert.deepEqual(years, await texts(page, '.year h2'));
    assert.deepEqual(years.slice(-3), ['2025', '2024', '2023']);
    await page.getByRole('navigation', { name: 'Years' }).getByRole('link', { name: '2023' }).click();
    assert.ok(await page.getByRole('heading', { name: '2023' }).isVisible());
    assert.match(page.url(), /#y2023$/);
  }));

test('a post shows its image, authors, and tags', () =>
  browse(async (page) => {
    for (const path of ['/blog/notes-from-the-last-ferry', '/archive/notes-from-the-last-ferry']) {
      await page.goto(path);
      const image = page.getByAltText('A ferry with lit windows crosses the harbor');
      assert.ok(await image.evaluate((image) => image.decode().then(() => image.naturalWidth > 0)));
      assert.match(
        await page.locator('.meta').innerText(),
        /^By Tomás Reyes and Noor Haddad\s+November 14, 2025\s+updated November 16, 2025$/,
      );
      assert.deepEqual(await texts(page, '.post .tags a'), ['Harbor', 'Weather', 'Code']);
    }
    await page.getByRole('link', { name: 'Weather' }).click();
    assert.deepEqual(await texts(page, '.list h2'), [
      'Notes from the last ferry',
      'What the tide gauge knows',
      'Swimming in March',
    ]);
    assert.ok(await page.getByAltText('A ferry with lit windows').isVisible());
    await page.getByRole('link', { name: 'What the tide gauge knows' }).click();
    await page.getByRole('link', { name: 'Ida Brandt' }).click();
    assert.equal(await page.locator('h1').innerText(), 'Ida Brandt');
    assert.deepEqual(await texts(page, '.list h2'), [
      'The library keeps its ladder',
      'What the tide gauge knows',
      'The lighthouse opens on Sundays',
    ]);
  }));

test('tags are listed with their numbers of posts, without drafts', () =>
  browse(async (page) => {
    await page.goto('/tags');
    const index = (await texts(page, '.index li')).map((text) => text.replace(/\s+/g, ' ').trim());
    assert.ok(index.includes('Harbor 4 posts') && index.includes('Library 1 post'), index.join());
    assert.doesNotMatch(await page.content(), /Draft tag/);
    assert.equal(await page.getByRole('link', { name: 'Harbor' }).getAttribute('href'), '/tags/Harbor');
    for (const path of [
      '/tags/Draft%20tag',
      '/authors/Draft%20author',
      '/tags/no-such-tag',
      '/tags/~00',
      `/tags/${'x'.repeat(101)}`,
      '/tags/%20',
    ]) {
      assert.equal((await get(path)).status, 404, path);
    }
    const upper = await getText('/tags/hARBOR');
    assert.match(upper, /<h1[^>]*>Harbor<\/h1>/);
    assert.match(upper, new RegExp(`<link rel="canonical" href="${SITE_URL}/tags/Harbor">`));
    assert.doesNotMatch(upper, /Unfinished/);
  }));

test('every name of a tag or author has a working link', () =>
  browse(async (page) => {
    await page.goto('/blog/odd-names');
    const links = await page
      .locator('.post a[rel]')
      .evaluateAll((links) => links.map(({ rel, href, textContent }) => ({ rel, href, textContent })));
    assert.deepEqual(
      links.filter(({ rel }) => rel === 'tag').map(({ textContent }) => textContent),
      ODD_NAMES,
    );
    assert.equal(links.length, ODD_NAMES.length + ODD.authors.length);
    const headings = [];
    for (const { href } of links) {
      await page.goto(href, { waitUntil: 'commit' });
      headings.push(await page.locator('h1').innerText());
    }
    assert.deepEqual(
      headings,
      links.map(({ textContent }) => textContent),
    );
  }));

test('the search box works without JavaScript', () =>
  browse(
    async (page) => {
      await page.goto('/');
      await page.getByRole('searchbox', { name: 'Search posts' }).fill('timetable');
      await page.keyboard.press('Enter');
      await page.waitForURL('**/search?q=timetable');
      assert.equal(await page.locator('h1').innerText(), 'Results for “timetable”');
      assert.deepEqual(await texts(page, '.list h2'), ['Notes from the last ferry'], 'the draft is not found');
      assert.equal(await page.getByRole('searchbox').inputValue(), 'timetable');
      assert.equal(await page.locator('.matches').count(), 0);
      await page.goto('/search?q=harb');
      assert.deepEqual(await texts(page, '.matches a'), ['Harbor']);

      await page.getByRole('searchbox').fill('post');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.waitForURL('**/search?q=post');
      const first = await texts(page, '.list h2');
      await page.getByRole('link', { name: 'More results' }).click();
      assert.equal(new URL(page.url()).searchParams.get('q'), 'post');
      const second = await texts(page, '.list h2');
      assert.deepEqual([first.length, second.length, new Set([...first, ...second]).size], [10, 10, 20]);

      const terms = `"><script>document.title = 'injected'</script>&amp; '`;
      const response = await page.goto(`/search?${new URLSearchParams({ q: terms })}`);
      assert.equal(response.status(), 200);
      assert.equal(await page.getByRole('searchbox').inputValue(), terms.trim());
      assert.equal(await page.locator('h1').innerText(), `Results for “${terms.trim()}”`);
      await page.getByText('No posts found.').waitFor();
      for (const [path, status] of [
        ['/search', 200],
        ['/search?q=%20', 200],
        [`/search?q=${'x'.repeat(501)}`, 400],
        ['/search?q=a&cursor=x', 404],
      ]) {
        assert.equal((await page.goto(path)).status(), status, path);
      }
    },
    { javaScriptEnabled: false },
  ));

test('pages have metadata for search engines and links', () =>
  browse(async (page) => {
    const head = async (path) => {
      await page.goto(path);
      const metas = await page
        .locator('head meta[content]:is([name], [property])')
        .evaluateAll((metas) =>
          metas.map((meta) => [meta.getAttribute('name') ?? meta.getAttribute('property'), meta.content]),
        );
      const canonical = await page
        .locator('link[rel="canonical"]')
        .evaluateAll((links) => links.map(({ href }) => href));
      return { canonical, meta: (name) => metas.filter(([key]) => key === name).map(([, content]) => content) };
    };
    for (const path of ['/blog/notes-from-the-last-ferry', '/archive/notes-from-the-last-ferry']) {
      const { canonical, meta } = await head(path);
      const url = `${SITE_URL}/blog/notes-from-the-last-ferry`;
      assert.deepEqual(canonical, [url]);
      assert.deepEqual(meta('og:url'), [url]);
      const description =
        'Nobody takes the last ferry by accident. You take it because the work ran late, or the conversation did.';
      for (const name of ['description', 'og:description']) assert.deepEqual(meta(name), [description]);
      assert.deepEqual([meta('og:type'), meta('og:title')], [['article'], ['Notes from the last ferry']]);
      assert.deepEqual(meta('og:image'), [`${SITE_URL}/images/ferry.png`]);
      assert.match(meta('og:image:alt')[0], /^A ferry with lit windows/);
      assert.deepEqual(meta('twitter:card'), ['summary_large_image']);
      assert.deepEqual(meta('author'), ['Tomás Reyes', 'Noor Haddad']);
      assert.deepEqual(meta('article:tag'), ['Harbor', 'Weather', 'Code']);
      assert.deepEqual(meta('article:published_time'), ['2025-11-14T18:00:00.000000Z']);
      assert.deepEqual(meta('robots'), []);
    }
    const rich = await head('/blog/the-rich-post');
    assert.match(rich.meta('description')[0], /^It's a post with/, 'without a description, the excerpt is used');
    assert.deepEqual([rich.meta('og:image'), rich.meta('og:image:alt')], [[RICH.image], [RICH.image_alt]]);
    const blog = await head('/?utm_source=x');
    assert.deepEqual(
      [blog.canonical, blog.meta('og:type'), blog.meta('twitter:card')],
      [[`${SITE_URL}/`], ['website'], ['summary']],
    );
    assert.deepEqual((await head('/tags/')).canonical, [`${SITE_URL}/tags`]);
    for (const path of ['/search?q=post', '/posts', '/no-such-page']) {
      const { canonical, meta } = await head(path);
      assert.deepEqual([canonical, meta('robots'), meta('og:url')], [[], ['noindex'], []], path);
    }
  }));

test('the feed has the newest posts', () =>
  browse(async (page) => {
    const response = await get('/rss.xml');
    assert.match(response.headers.get('content-type'), /xml/);
    const xml = await response.text();
    await page.goto('/');
    assert.equal(await page.locator('link[type="application/rss+xml"]').getAttribute('href'), '/rss.xml');
    const { error, items } = await page.evaluate((xml) => {
      const feed = new DOMParser().parseFromString(xml, 'application/xml');
      const text = (item, name) => [...item.getElementsByTagName(name)].map(({ textContent }) => textContent);
      const names = ['title', 'link', 'guid', 'description', 'content:encoded', 'dc:creator', 'category', 'pubDate'];
      const items = [...feed.querySelectorAll('item')].map((item) =>
        Object.fromEntries(names.map((name) => [name, text(item, name)])),
      );
      return { error: feed.querySelector('parsererror')?.textContent, items };
    }, xml);
    assert.equal(error, undefined);
    assert.equal(items.length, 20);
    const [rich, , odd] = items;
    assert.deepEqual(rich.title, ['The "rich" post']);
    assert.deepEqual([rich.link, rich.guid], [[`${SITE_URL}/blog/the-rich-post`], [`${SITE_URL}/blog/the-rich-post`]]);
    assert.match(rich.description[0], /^It's a post with/);
    const [content] = rich['content:encoded'];
    assert.ok(
      content.includes(`src="${SITE_URL}/images/bread.png"`) && content.includes(`href="${SITE_URL}/blog/post-1"`),
      content,
    );
    assert.doesNotMatch(content, /<script|onclick|onerror|javascript:|<style|--shiki/);
    assert.deepEqual([odd.category, odd['dc:creator']], [ODD.tags, ODD.authors]);
    assert.ok(items.every(({ pubDate }) => Math.abs(Date.parse(pubDate) - Date.now()) < 86_400_000));
    assert.doesNotMatch(xml, /Unfinished|Draft/);
  }));

test('the sitemap has the canonical URLs of all public pages', async () => {
  assert.match(await getText('/robots.txt'), new RegExp(`^Sitemap: ${SITE_URL}/sitemap-index.xml$`, 'm'));
  assert.match(await getText('/sitemap-index.xml'), new RegExp(`<loc>${SITE_URL}/sitemap-0.xml</loc>`));
  const urls = [...(await getText('/sitemap-0.xml')).matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, url]) =>
    url.replace(SITE_URL, ''),
  );
  const { items } = await request(service, '/api/posts?published=true&view=summary&limit=100');
  assert.deepEqual(urls.sort(), ['/', '/archive', '/tags', ...items.map(({ slug }) => `/blog/${slug}`)].sort());
  for (const url of urls) assert.equal((await get(url)).status, 200, url);
});

test('the sitemap has the canonical URLs of all tags and authors', async () => {
  assert.match(await getText('/sitemap-index.xml'), new RegExp(`<loc>${SITE_URL}/sitemap-labels.xml</loc>`));
  const urls = [...(await getText('/sitemap-labels.xml')).matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, url]) => url);
  const names = async (list) => (await request(service, `/api/${list}?limit=100`)).items.map(({ name }) => name);
  const headings = { tags: [], authors: [] };
  for (const url of urls) {
    const html = await getText(url.replace(SITE_URL, ''));
    assert.ok(html.includes(`<link rel="canonical" href="${url}">`), url);
    const [, list] = /\/(tags|authors)\/[^/]+$/.exec(url);
    headings[list].push(/<h1[^>]*>(.*?)<\/h1>/.exec(html)[1]);
  }
  for (const [list, found] of Object.entries(headings)) {
    assert.deepEqual([found.length, new Set(found).size], Array(2).fill((await names(list)).length), list);
  }
  assert.ok(!urls.some((url) => url.includes('Draft')));
});

test('an old slug redirects to the post', async () => {
  const location = async (path) => {
    const { status, headers } = await get(path);
    return [status, headers.get('location')];
  };
  const target = [301, '/blog/notes-from-the-last-ferry'];
  assert.deepEqual(await location('/blog/last-ferry'), target);
  assert.deepEqual(await location('/archive/last-ferry'), target);
  const { id } = await create({ title: 'Before', published: true });
  assert.deepEqual(await location('/archive/before'), [302, '/blog/before'], 'a post that is newer than the archive');
  await request(service, `/api/posts/${id}`, { method: 'PATCH', body: { slug: 'after' } });
  assert.deepEqual(await location('/blog/before'), [301, '/blog/after']);
  assert.equal((await get('/blog/after')).status, 200);
  await request(service, `/api/posts/${id}/unpublish`, { method: 'POST' });
  for (const path of ['/blog/before', '/archive/before', '/archive/no-such-post', '/archive/a/b'])
    assert.equal((await get(path)).status, 404, path);
  await request(service, `/api/posts/${id}`, { method: 'DELETE', status: 204 });
});

test('only images with an http URL or an absolute path are shown', () => {
  for (const url of ['https://example.org/a.png', 'HTTP://example.org/a.png', '/images/a.png', '/a b.png?x=1#y'])
    assert.ok(imageUrl(url), url);
  for (const url of [
    null,
    '',
    'a.png',
    'javascript:alert(1)',
    'data:image/png,',
    '//example.org/a.png',
    '/\\example.org',
    '/\t/example.org',
    'https://',
    'https:a',
  ]) {
    assert.equal(imageUrl(url), undefined, url);
  }
});

test('previews require the password and do not leak the key', async () => {
  for (const path of [
    '/preview',
    '/preview/unfinished',
    '/preview/',
    '/%70review/unfinished',
    '//preview/unfinished',
  ]) {
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
      assert.equal(await page.locator('meta[name="robots"]').getAttribute('content'), 'noindex');
      assert.equal(await page.locator('link[rel="canonical"], meta[property^="og:"]').count(), 0);
    },
    { httpCredentials: { username: 'me', password: PASSWORD } },
  );
});

const PAGES = {
  blog: '/',
  post: '/blog/notes-from-the-last-ferry',
  rich: '/blog/the-rich-post',
  guide: '/posts',
  archive: '/archive',
  'archive-post': '/archive/what-the-tide-gauge-knows',
  tags: '/tags',
  tag: '/tags/Harbor',
  author: '/authors/Ida%20Brandt',
  search: '/search?q=ferry',
  'no-search': '/search',
  drafts: '/preview',
  draft: '/preview/winter-timetable',
  'not-found': '/blog/no-such-post',
  unavailable: '/unavailable',
};
const STATUSES = { 'not-found': 404, unavailable: 503 };
/** The number of pixels that a visitor must scroll horizontally. */
const overflowOf = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
describe('every page is accessible and fits the screen', () => {
  for (const [device, viewport] of Object.entries(VIEWPORTS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`on a ${device} in ${colorScheme} mode`, () =>
        browse(
          async (page) => {
            for (const [name, path] of Object.entries(PAGES)) {
              const response = await page.goto(path);
              assert.equal(response.status(), STATUSES[name] ?? 200, name);
              await page.evaluate(() => document.fonts.ready);
              await page.evaluate(axe.source);
              const { violations } = await page.evaluate(() => globalThis.axe.run());
              const problems = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
              assert.deepEqual(problems, [], name);
              assert.equal(await overflowOf(page), 0, name);
              await page.screenshot({ path: `${OUTPUT}${name}-${device}-${colorScheme}.png` });
            }
          },
          { viewport, colorScheme, httpCredentials: { username: 'me', password: PASSWORD } },
        ));
    }
  }
});

test('words of 60 characters do not make a page too wide', () =>
  browse(async (page) => {
    const { slug } = longWords;
    const paths = [
      '/',
      '/posts',
      `/blog/${slug}`,
      '/archive',
      `/archive/${slug}`,
      '/tags',
      `/tags/${WORD}`,
      `/authors/${WORD}`,
      `/search?q=${WORD}`,
      `/search?q=${WORD}${WORD}`,
    ];
    for (const path of paths) {
      await page.goto(path);
      await page.evaluate(() => document.fonts.ready);
      assert.ok((await page.locator('main').innerText()).includes(WORD), path);
      for (const width of [320, 390, 768, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        assert.equal(await overflowOf(page), 0, `${path} at ${width} pixels`);
        const clipped = await page.locator('main').evaluate((main) => {
          const scrolls = (element) =>
            element && (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
          const edge = main.getBoundingClientRect().right + 24;
          return [...main.querySelectorAll('*')].filter(
            (element) => element.getBoundingClientRect().right > edge && !scrolls(element.parentElement),
          ).length;
        });
        assert.equal(clipped, 0, `${path} at ${width} pixels`);
      }
    }
  }));

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
