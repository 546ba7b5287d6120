// Renews the pictures of the README. See docs/contributing/testing.md. The service listens on its default port, which the
// first picture shows.
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { KEY, startService } from '../../examples/support/programs.mjs';
import { launch, loaded, openContext, openOperation, tokenField } from './browser.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SITE = `${ROOT}examples/astro/test/output/`;
const SIZE = { width: 1360, height: 880 };

const service = await startService({ PORT: '8080' });
const browser = await launch();
try {
  await service.importPosts(`${ROOT}examples/astro/sample-posts.ndjson`);
  mkdirSync(`${ROOT}docs/images`, { recursive: true });
  await showDocsPage(`${ROOT}docs/images/docs-page.png`);
  await combine(`${SITE}blog-desktop-light.png`, `${SITE}post-phone-dark.png`, `${ROOT}examples/astro/screenshot.png`);
} finally {
  await browser.close();
  await service.stop();
}

/** Takes a picture of the operation that creates a post. */
async function showDocsPage(path) {
  const page = await (await openContext(browser, { viewport: SIZE, colorScheme: 'light' })).newPage();
  await page.goto(`${service.url}/docs`);
  await loaded(page);
  await tokenField(page).fill(KEY);
  await openOperation(page, 'Create a post');
  await page.screenshot({ path });
}

/** Puts a screenshot of a phone in front of one of a desktop. */
async function combine(desktop, phone, path) {
  const page = await (await openContext(browser, { viewport: SIZE })).newPage();
  const url = (file) => `data:image/png;base64,${readFileSync(file).toString('base64')}`;
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
