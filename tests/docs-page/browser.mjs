// Opens the documentation page in Chromium.
import { chromium } from 'playwright-core';

/** A page that waits for this long has failed: the machine may have more work than cores. */
const TIMEOUT = 120_000;

/** Starts the browser. It resolves no host name, so it is offline except for this machine. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  });

export async function openContext(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(TIMEOUT);
  return context;
}

/** Waits until the page shows the document. */
export const loaded = (page) => page.getByRole('heading', { name: 'posts-api', exact: true }).waitFor();

/** The links of the navigation. */
export const navigation = (page) => page.getByRole('complementary', { name: /^Sidebar/ }).getByRole('link');

/** Opens an operation with the navigation, which is behind a button on a phone, and whose groups may be closed. */
export async function openOperation(page, name) {
  const link = navigation(page)
    .filter({ hasText: new RegExp(`^${name}`) })
    .first();
  const menu = page.getByRole('button', { name: 'Open Menu' });
  const group = page.getByRole('button', { name: /^Open Group/ });
  for (const opener of [menu, group]) {
    await link.or(opener).filter({ visible: true }).first().waitFor();
    if (!(await link.isVisible())) await opener.first().click();
  }
  await link.click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

/** Opens the form that sends a request, such as `post /api/posts`. */
export async function openForm(page, request) {
  await page
    .getByRole('button', { name: `(${request})`, exact: false })
    .first()
    .click();
  const form = page.getByRole('dialog').last();
  await form.getByRole('button', { name: /^send/i }).first().waitFor();
  return form;
}

export const tokenField = (scope) => scope.getByPlaceholder('Token').first();

/** Waits for the end of the animations that have one. */
export const settled = (page) =>
  page.waitForFunction(() => {
    const isRunning = ({ playState, effect }) =>
      playState === 'running' && effect.getComputedTiming().endTime < Infinity;
    return !document.getAnimations().some(isRunning);
  });
