// Opens the documentation page in Chromium.
import { chromium } from 'playwright-core';

/** A page that waits for this long has failed: the machine may have more work than cores. */
const TIMEOUT = 120_000;

/** Starts the browser. It resolves no host name, so it is offline except for this machine. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run',
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

/** Opens an operation with the navigation, which is behind a button on a phone, and whose groups may be closed. */
export async function openOperation(page, name) {
  const link = page.getByRole('link', { name, exact: false }).first();
  const group = page.getByRole('button', { name: /^Open Group/ }).first();
  const menu = page.getByRole('button', { name: 'Open Menu' }).first();
  if (await menu.isVisible()) await menu.click();
  await link.or(group).first().waitFor();
  while (!(await link.isVisible())) await group.click();
  await link.click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

/** Opens the form that sends a request, such as `post /api/posts`. */
export async function openForm(page, request) {
  await page.getByRole('button', { name: `(${request})`, exact: false }).first().click();
  const form = page.getByRole('dialog').last();
  await form.getByRole('button', { name: /^send/i }).first().waitFor();
  return form;
}

export const tokenField = (scope) => scope.getByPlaceholder('Token').first();
