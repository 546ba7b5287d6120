// Tests the contents of the package.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPostsClient } from '@posts-api/client';
import ts from 'typescript';
import { install } from './package.mjs';

const run = promisify(execFile);
const root = new URL('../', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));

async function filesIn(directory, extension) {
  const names = await readdir(new URL(directory, root), { recursive: true });
  return names.filter((name) => name.endsWith(extension)).map((name) => new URL(`${directory}/${name}`, root));
}

test('public types and hand-written source do not use any', async () => {
  const handWritten = (await filesIn('src', '.ts')).filter(({ pathname }) => !pathname.includes('/generated/'));
  const files = [...(await filesIn('dist', '.d.ts')), ...handWritten];
  assert(files.length > 20);
  for (const file of files) {
    const source = ts.createSourceFile(file.pathname, await readFile(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node) => {
      const position = source.getLineAndCharacterOfPosition(node.getStart());
      assert.notEqual(node.kind, ts.SyntaxKind.AnyKeyword, `${file.pathname}:${position.line + 1}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
});

test('the client has no dependencies, the loaders only Astro', async () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.peerDependenciesMeta.astro.optional, true);
  for (const file of await filesIn('dist', '.js')) {
    const imports = ts.preProcessFile(await readFile(file, 'utf8')).importedFiles.map(({ fileName }) => fileName);
    const external = imports.filter((name) => !name.startsWith('.'));
    assert.deepEqual(external, file.pathname.endsWith('/astro/build.js') ? ['astro/zod'] : [], file.pathname);
  }
});

test('the npm package contains the code, the license, and the README', async (t) => {
  const directory = `${await install(t)}/node_modules/@posts-api/client`;
  const names = (await readdir(directory)).sort();
  assert.deepEqual(names, ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'dist', 'package.json']);
  for (const license of ['LICENSE-APACHE', 'LICENSE-MIT']) {
    const original = await readFile(new URL(`../../${license}`, root), 'utf8');
    assert.equal(await readFile(`${directory}/${license}`, 'utf8'), original);
  }
  const built = (await filesIn('dist', '.js')).length;
  const packed = (await readdir(`${directory}/dist`, { recursive: true })).filter((name) => name.endsWith('.js'));
  assert.equal(packed.length, built, 'the package contains no files of an earlier build');
});

test('the manifest has the members that npm shows and needs', () => {
  assert.equal(manifest.license, 'MIT OR Apache-2.0');
  assert.equal(manifest.publishConfig.access, 'public', 'npm publishes scoped packages as private by default');
  assert(manifest.keywords.length > 0);
});

test('old module resolution and require find the package', async (t) => {
  const directory = await install(t);
  const code = `
    import { createPostsClient, type Post } from '@posts-api/client';
    import { postsLoader } from '@posts-api/client/astro';
    export const title = (post: Post): string => post.title;
    export const loader: { name: string } = postsLoader({ baseUrl: createPostsClient({ baseUrl: '' }).baseUrl });
  `;
  await writeFile(`${directory}/main.ts`, code);
  // Deprecated in TypeScript 6.
  const options = ['--moduleResolution', 'node10', '--module', 'es2020', '--target', 'es2022', '--lib', 'es2022,dom'];
  const tsc = fileURLToPath(new URL('node_modules/typescript-5/bin/tsc', root));
  await symlink(fileURLToPath(new URL('node_modules/astro', root)), `${directory}/node_modules/astro`);
  await run(process.execPath, [tsc, '--noEmit', '--strict', '--skipLibCheck', ...options, 'main.ts'], {
    cwd: directory,
  }).catch(({ stdout }) => assert.fail(stdout));
  const required = `require('@posts-api/client').createPostsClient({ baseUrl: 'http://127.0.0.1:1' }).baseUrl`;
  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '-p', required], { cwd: directory });
  assert.equal(stdout, 'http://127.0.0.1:1\n');
});

test('all exports exist and all operations have a method', async () => {
  for (const { types, default: code } of Object.values(manifest.exports).filter((entry) => typeof entry === 'object')) {
    for (const path of [types, code]) assert(await readFile(new URL(path, root)), path);
  }
  const sent = new Set();
  const fetch = async (url, { method }) => (
    sent.add(`${method} ${new URL(url).pathname}`),
    Response.json({ items: [] })
  );
  const { posts, tags, authors, redirects, changes, keys, webhooks } = createPostsClient({
    baseUrl: 'http://127.0.0.1:1',
    fetch,
    retries: 0,
  });
  const calls = [
    ...[tags, authors, redirects, changes, posts].map((list) => list.list()),
    ...[posts.get(1), posts.getBySlug('a'), posts.create({}), posts.batch({}), posts.putBySlug('a', {})],
    ...[posts.update(1, {}), posts.delete(1), posts.publish(1), posts.unpublish(1)],
    ...[keys.list(), keys.create({}), keys.revoke(1)],
    ...[webhooks.list(), webhooks.get(1), webhooks.create({}), webhooks.update(1, {}), webhooks.delete(1)],
    ...[webhooks.rotate(1), webhooks.replay(1, { cursor: 'now' }), webhooks.test(1), webhooks.attempts(1)],
  ];
  await Promise.all(calls);
  const { paths } = JSON.parse(await readFile(new URL('../../openapi/openapi.json', root), 'utf8'));
  // `follow` requests pages instead of the stream, which is for `EventSource`.
  const called = Object.entries(paths).filter(([path]) => path !== '/api/changes/stream');
  const operations = called.flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { tags }]) => tags && !tags.includes('operations'))
      .map(([method]) => `${method.toUpperCase()} ${path.replace('{id}', '1').replace('{slug}', 'a')}`),
  );
  assert.deepEqual([...sent].sort(), operations.sort());
});
