// Tests /docs in Chromium, as a person who sees the API for the first time uses it.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { KEY, request, startService } from '../../examples/support/programs.mjs';
import { launch, loaded, navigation, openContext, openForm, openOperation, settled, tokenField } from './browser.mjs';

const OUTPUT = fileURLToPath(new URL('output/', import.meta.url));
/** How long a request is repeated while the service is busy, in milliseconds. */
const BUSY_LIMIT = 120_000;
/** What Chromium writes to the console at a response with status 503. */
const BUSY = /^Failed to load resource: .* status of 503 /;
const VIEWPORTS = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 } };

let service, browser;
before(async () => {
  service = await startService();
  browser = await launch();
  rmSync(OUTPUT, { recursive: true, force: true });
  mkdirSync(OUTPUT, { recursive: true });
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Runs `work` with the documentation page. Fails on a complaint in the console, and on a request to another host. */
async function browse(work, { origin = service.url, path = '/docs', ...options } = {}) {
  const context = await openContext(browser, options);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !BUSY.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on(
    'request',
    (sent) => /^(data|blob):/.test(sent.url()) || new URL(sent.url()).origin === origin || complaints.push(sent.url()),
  );
  try {
    await page.goto(origin + path);
    await loaded(page);
    await work(page);
  } finally {
    await context.close();
  }
  assert.deepEqual(complaints, []);
}

/** Sends the request of a form, again if the service was too busy to execute it. Returns the body of the response. */
async function send(page, form, path, status) {
  const deadline = Date.now() + BUSY_LIMIT;
  let response;
  do {
    [response] = await Promise.all([
      page.waitForResponse((response) => new URL(response.url()).pathname.endsWith(path)),
      form.getByRole('button', { name: /^send/i }).first().click(),
    ]);
  } while (response.status() === 503 && Date.now() < deadline);
  assert.equal(response.status(), status);
  const shown = form.getByText(new RegExp(`^${status} `)).first();
  await shown.waitFor();
  const { y, height } = await shown.boundingBox();
  assert.ok(y >= 0 && y + height <= page.viewportSize().height, `the status is at ${y}, out of sight`);
  return response.json();
}

const close = (form) => form.getByRole('button', { name: /close/i }).first().click();

/** Takes a screenshot, and checks that the page is accessible and no wider than the screen. */
async function check(page, name) {
  await settled(page);
  await page.screenshot({ path: `${OUTPUT}${name}.png` });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const severe = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(
    severe.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
    [],
    name,
  );
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(overflow, 0, name);
}

describe('a newcomer authorizes, creates a draft, publishes it, and lists it', () => {
  for (const [device, viewport] of Object.entries(VIEWPORTS)) {
    for (const colorScheme of ['light', 'dark']) {
      test(`on a ${device} in ${colorScheme} mode`, () =>
        browse(
          async (page) => {
            const shot = (name) => check(page, `${name}-${device}-${colorScheme}`);
            assert.equal(await page.title(), 'posts-api: API reference');
            await tokenField(page).fill(KEY);
            await shot('page');
            // The key is remembered.
            await page.reload();
            await loaded(page);
            await openOperation(page, 'Create a post');
            await shot('create');
            let form = await openForm(page, 'post /api/posts');
            assert.equal(await tokenField(form).inputValue(), KEY);
            await shot('form');
            const { id, published } = await send(page, form, '/api/posts', 201);
            assert.equal(published, false);
            await shot('created');
            await close(form);
            await openOperation(page, 'Publish a post');
            form = await openForm(page, 'post /api/posts/{id}/publish');
            await form.locator('tr[id="id"] [data-placeholder="Value"]').fill(String(id));
            await send(page, form, `/api/posts/${id}/publish`, 200);
            await shot('published');
            await close(form);
            await openOperation(page, 'List posts');
            form = await openForm(page, 'get /api/posts');
            const { items } = await send(page, form, '/api/posts', 200);
            assert.ok(items.some((post) => post.id === id && post.published));
            await shot('listed');
            assert.equal((await request(service, `/api/posts/${id}`)).published, true);
          },
          { viewport, colorScheme, hasTouch: device === 'phone' },
        ));
    }
  }
});

test('public operations need no key, and are not shown as if they did', () =>
  browse(async (page) => {
    await openOperation(page, 'Create a post');
    await page.getByText('Auth Required').first().waitFor();
    await openOperation(page, 'List posts');
    await page.getByText('Auth Optional').first().waitFor();
    const form = await openForm(page, 'get /api/posts');
    await send(page, form, '/api/posts', 200);
    assert.equal(
      await form.getByLabel('Input is invalid').filter({ visible: true }).count(),
      0,
      'an empty date is not an error',
    );
  }));

test('tags and operations have the order of the document', () =>
  browse(async (page) => {
    const document = await request(service, '/api/openapi.json');
    const operations = Object.values(document.paths)
      .flatMap(Object.values)
      .filter((known) => !known['x-internal']);
    const summaries = (tag) => operations.filter(({ tags }) => tags.includes(tag)).map(({ summary }) => summary);
    const expected = ['Introduction', ...document.tags.flatMap(({ name }) => [name, ...summaries(name)]), 'Models'];
    await navigation(page).filter({ hasText: 'Models' }).first().waitFor();
    // The method follows the name in a line of its own.
    const shown = (await navigation(page).allInnerTexts()).map((text) => text.split('\n')[0].trim());
    assert.deepEqual(shown.slice(0, expected.length), expected);
  }));

test('a second visit transfers no file', async () => {
  const proxy = await startProxy();
  try {
    await browse(
      async (page) => {
        assert.deepEqual(
          proxy.responses.splice(0).filter((response) => !response.startsWith('200 ')),
          [],
        );
        await page.goto('about:blank');
        await page.goto(`${proxy.origin}/docs`);
        await loaded(page);
        assert.deepEqual(proxy.responses, ['304 /docs', '304 /api/openapi.json']);
      },
      { origin: proxy.origin },
    );
  } finally {
    proxy.stop();
  }
});

test('the page works behind a proxy that serves it below another path', async () => {
  const proxy = await startProxy('/blog');
  try {
    for (const path of ['/blog/', '/blog/docs/']) {
      await browse(
        async (page) => {
          assert.equal(new URL(page.url()).pathname, '/blog/docs');
          await openOperation(page, 'List posts');
          const form = await openForm(page, 'get /api/posts');
          await send(page, form, '/blog/api/posts', 200);
        },
        { origin: proxy.origin, path },
      );
    }
  } finally {
    proxy.stop();
  }
});

/** Starts a proxy that serves the service below a path. `responses` has the status and the path of each response. */
async function startProxy(prefix = '') {
  const responses = [];
  const proxy = createServer((incoming, outgoing) => {
    const path = incoming.url.slice(prefix.length);
    const { method, headers } = incoming;
    // A connection of its own, because the service may close an idle connection at any time.
    const forwarded = httpRequest(service.url + path, { method, headers, agent: false }, (response) => {
      responses.push(`${response.statusCode} ${path}`);
      outgoing.writeHead(response.statusCode, response.headers);
      response.pipe(outgoing);
    });
    forwarded.on('error', (error) => outgoing.destroy(error));
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    proxy.close();
    proxy.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${proxy.address().port}`, responses, stop };
}
