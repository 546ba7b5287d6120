// Tests the contents of the package.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import ts from 'typescript';

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

test('all exports exist and all operations have a method', async () => {
  for (const { types, default: code } of Object.values(manifest.exports).filter((entry) => typeof entry === 'object')) {
    for (const path of [types, code]) assert(await readFile(new URL(path, root)), path);
  }
  const client = await readFile(new URL('src/client.ts', root), 'utf8');
  const operations = await import('../dist/generated/sdk.gen.js');
  for (const name of Object.keys(operations))
    assert(client.includes(`api.${name}(`), `the client has no method for ${name}`);
});
