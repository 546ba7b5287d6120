// Renews the pictures of the README. See docs/contributing/testing.md. The service listens on its default port, which
// the first picture shows. The second one shows the sample posts on the Astro site, which its tests have built.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { KEY, start, startService } from '../../examples/support/programs.mjs';
import { launch, loaded, openContext, openOperation, settled, tokenField } from './browser.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ASTRO = `${ROOT}examples/astro/`;
const SIZE = { width: 1360, height: 880 };

const service = await startService({ PORT: '8080' });
const browser = await launch();
let site;
try {
  await service.importPosts(`${ASTRO}sample-posts.ndjson`);
  mkdirSync(`${ROOT}docs/images`, { recursive: true });
  await showDocsPage(`${ROOT}docs/images/docs-page.png`);
  site = await start(process.execPath, ['dist/server/entry.mjs'], {
    cwd: ASTRO,
    env: { HOST: '127.0.0.1', PORT: '0', POSTS_API_URL: service.url },
    ready: /listening on (http:\/\/[\d.:]+)/,
  });
  const desktop = await showSite('/', { viewport: { width: 1160, height: 820 }, colorScheme: 'light' });
  const post = '/blog/notes-from-the-last-ferry';
  const phone = await showSite(post, { viewport: { width: 360, height: 678 }, colorScheme: 'dark' });
  await combine(desktop, phone, `${ASTRO}screenshot.png`);
} finally {
  await browser.close();
  await site?.stop();
  await service.stop();
}

/** Takes a picture of the operation that creates a post. */
async function showDocsPage(path) {
  const page = await (await openContext(browser, { viewport: SIZE, colorScheme: 'light' })).newPage();
  await page.goto(`${service.url}/docs`);
  await loaded(page);
  await tokenField(page).fill(KEY);
  await openOperation(page, 'Create a post');
  await settled(page);
  await page.screenshot({ path });
}

/** Takes a picture of a page of the Astro site. */
async function showSite(path, options) {
  const page = await (await openContext(browser, options)).newPage();
  const response = await page.goto(site.match[1] + path);
  if (!response.ok()) throw new Error(`${path}: ${response.status()}`);
  await page.evaluate(() => document.fonts.ready);
  return page.screenshot();
}

/** Puts a screenshot of a phone in front of one of a desktop. */
async function combine(desktop, phone, path) {
  const page = await (await openContext(browser, { viewport: SIZE })).newPage();
  const url = (picture) => `data:image/png;base64,${picture.toString('base64')}`;
  await page.setContent(`
    <body style="margin: 0; background: #d8d4c4">
      <div style="position: absolute; inset: 30px auto 30px 30px; width: 1160px; overflow: hidden; border: 1px solid #b0a98f; border-radius: 14px">
        <img src="${url(desktop)}" style="width: 1160px">
      </div>
      <div style="position: absolute; inset: 130px 30px 72px auto; width: 360px; overflow: hidden; border-radius: 26px">
        <img src="${url(phone)}" style="width: 360px">
      </div>
    </body>`);
  await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode())));
  await page.screenshot({ path });
}
