// What the package itself promises.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import ts from 'typescript';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));

async function filesBelow(directory, ending) {
  const names = await readdir(new URL(directory, root), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => new URL(`${directory}/${name}`, root));
}

test('no type that users see, and none of the written source, is any', async () => {
  const written = (await filesBelow('src', '.ts')).filter(({ pathname }) => !pathname.includes('/generated/'));
  const files = [...(await filesBelow('dist', '.d.ts')), ...written];
  assert(files.length > 20);
  for (const file of files) {
    const source = ts.createSourceFile(file.pathname, await readFile(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const look = (node) => {
      const where = source.getLineAndCharacterOfPosition(node.getStart());
      assert.notEqual(node.kind, ts.SyntaxKind.AnyKeyword, `${file.pathname}:${where.line + 1}`);
      ts.forEachChild(node, look);
    };
    look(source);
  }
});

test('it needs nothing at run time, and Astro only for the loaders', async () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.peerDependenciesMeta.astro.optional, true);
  for (const file of await filesBelow('dist', '.js')) {
    const imports = ts.preProcessFile(await readFile(file, 'utf8')).importedFiles.map(({ fileName }) => fileName);
    const outside = imports.filter((name) => !name.startsWith('.'));
    assert.deepEqual(outside, file.pathname.endsWith('/astro/build.js') ? ['astro/zod'] : [], file.pathname);
  }
});

test('every export and every path of the document leads somewhere', async () => {
  for (const { types, default: code } of Object.values(manifest.exports).filter((entry) => typeof entry === 'object')) {
    for (const path of [types, code]) assert(await readFile(new URL(path, root)), path);
  }
  const used = await readFile(new URL('src/client.ts', root), 'utf8');
  const operations = await import('../dist/generated/sdk.gen.js');
  for (const name of Object.keys(operations)) assert(used.includes(`api.${name}(`), `${name} is not offered`);
});
