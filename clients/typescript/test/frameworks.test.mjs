// Tests the README's examples for SvelteKit in a SvelteKit app, and compiles those for Next.js and Nuxt.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { install } from './package.mjs';
import { files } from './readme.mjs';
import { startService } from './service.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);

/** Creates an app with these files. It has installed the package, and can import the packages in test/tools. */
async function createApp(context, contents) {
  const directory = await install(context, here('tools'));
  for (const [path, code] of Object.entries(contents)) {
    await mkdir(dirname(`${directory}/${path}`), { recursive: true });
    await writeFile(`${directory}/${path}`, code);
  }
  return directory;
}

/** Starts Vite's development server. */
async function startVite(directory) {
  const vite = here('tools/node_modules/vite/bin/vite.js');
  const child = spawn(process.execPath, [vite, 'dev', '--host', '127.0.0.1', '--port', '0'], {
    cwd: directory,
    env: { ...process.env, NO_COLOR: '1' },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const output = [];
  const url = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        const found = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(line)?.[0];
        if (found) resolve(found);
      });
    }
    exited.then((code) => reject(new Error(`vite exited with ${code}:\n${output.join('\n')}`)));
  });
  return { url, output, stop: () => (child.kill('SIGKILL'), exited) };
}

/** The files of the README in this folder. */
const readmeFiles = (folder, replace = (code) => code) =>
  Object.fromEntries(
    [...files].filter(([path]) => path.startsWith(folder)).map(([path, code]) => [path, replace(code)]),
  );

const tsconfig = JSON.stringify({
  extends: '../../types/browser.json',
  compilerOptions: { jsx: 'preserve', module: 'preserve', moduleResolution: 'bundler' },
  include: ['.'],
});
const tsc = async (directory) => {
  const program = here('tools/node_modules/typescript/bin/tsc');
  return run(process.execPath, [program, '-p', '.'], { cwd: directory }).then(
    () => '',
    ({ stdout }) => stdout,
  );
};

describe('frameworks', { concurrency: true }, () => {
  test('the SvelteKit page renders a post on the server, and compiles', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({ title: 'From SvelteKit', published: true });
    const directory = await createApp(t, {
      'vite.config.js': `
        import { sveltekit } from '@sveltejs/kit/vite';
        import { defineConfig } from 'vite';
        export default defineConfig({ plugins: [sveltekit()] });`,
      'tsconfig.json': '{ "extends": "$app/tsconfig", "include": ["src"], "exclude": ["src/service-worker"] }',
      'src/app.html': '<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>',
      ...readmeFiles('src/routes/', (code) => code.replace('http://127.0.0.1:8080', baseUrl)),
    });
    const site = await startVite(directory);
    try {
      const get = async (path) => {
        const response = await fetch(site.url + path);
        return [response.status, await response.text()];
      };
      const [status, html] = await get('/blog/from-sveltekit');
      assert.equal(status, 200, site.output.join('\n'));
      assert.match(html, /<h1>From SvelteKit<\/h1>/);
      assert.match(
        html,
        /data-sveltekit-fetched[^>]*by-slug\/from-sveltekit/,
        'the browser does not request the post again',
      );
      assert.equal((await get('/blog/none'))[0], 404);
    } finally {
      // Before the directory is deleted, because Vite writes to it.
      await site.stop();
    }
    const check = here('tools/node_modules/svelte-check/bin/svelte-check');
    const checked = await run(process.execPath, [check], { cwd: directory }).catch(({ stdout }) => assert.fail(stdout));
    assert.match(checked.stdout, /found 0 errors and 0 warnings/);
  });

  test('the Next.js page compiles', async (t) => {
    const stubs = `
      declare module 'next/navigation' { export function notFound(): never }
      declare module 'react' { export function cache<T>(read: T): T }
      declare namespace JSX { interface IntrinsicElements { [name: string]: object } }
      // As in next/types/global.d.ts.
      interface RequestInit { next?: { revalidate?: number | false; tags?: string[] } }`;
    const page = readmeFiles('app/blog/');
    assert.deepEqual(Object.keys(page), ['app/blog/[slug]/page.tsx']);
    const directory = await createApp(t, {
      'tsconfig.json': tsconfig,
      'stubs.d.ts': stubs,
      ...readmeFiles('lib/'),
      ...page,
    });
    assert.equal(await tsc(directory), '');
    const [[path, code]] = Object.entries(page);
    await writeFile(`${directory}/${path}`, code.replace('revalidate: 60', "revalidate: '60'"));
    assert.match(await tsc(directory), /TS2322/, 'the options of Next.js have their types');
  });

  test('the Nuxt page compiles', async (t) => {
    const imports = `
      import { posts as imported } from './app/utils/posts';
      declare global {
        const posts: typeof imported;
        function useRoute(): { params: Record<string, string | string[]> };
        function useAsyncData<T>(
          key: string,
          read: () => Promise<T>,
        ): Promise<{ data: { value: T | undefined }; error: { value: Error | undefined } }>;
        function createError(error: { status: number; message: string; fatal: boolean }): Error;
      }`;
    const page = files.get('app/pages/blog/[slug].vue');
    const [, script] = /<script setup lang="ts">\n(.*?)<\/script>/s.exec(page);
    const [, expression] = /{{ (.*?) }}/.exec(page);
    const contents = {
      'tsconfig.json': tsconfig,
      'imports.d.ts': imports,
      ...readmeFiles('app/utils/'),
      'page.ts': `${script}export const title: string = ${expression.replace('post', 'post.value')} ?? '';`,
    };
    const directory = await createApp(t, contents);
    assert.equal(await tsc(directory), '');
    await writeFile(`${directory}/page.ts`, contents['page.ts'].replace('title: string', 'title: number'));
    assert.match(await tsc(directory), /TS2322/);
  });
});
