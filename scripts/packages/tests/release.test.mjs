// `scripts/release` with a small program in place of the binary.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from './process.mjs';

const { SCRATCH } = process.env;
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const VERSION = (await readFile(join(ROOT, 'Cargo.toml'), 'utf8')).match(/^version = "(.*)"$/m)[1];

/** Compiles a program that reports this version. Returns its path. */
async function program(version) {
  const path = join(SCRATCH, `reports-${version}`);
  await writeFile(`${path}.c`, `#include <stdio.h>\nint main(void) { return puts("posts-api ${version}") < 0; }\n`);
  assert.equal((await run('cc', ['-o', path, `${path}.c`])).code, 0);
  return path;
}

const release = (args, env, root = ROOT) => run(join(root, 'scripts/release'), args, { env });

/** Runs scripts/release, which must fail. Returns its message. */
async function rejected(args, root) {
  const { code, output } = await release(args, {}, root);
  assert.equal(code, 1, output);
  assert.match(output, /^scripts\/release: .*\n$/);
  return output;
}

/** Copies the files that the checks read. `edit` changes the text of one of them. */
async function copyOfProject(name, file, edit) {
  const root = join(SCRATCH, name);
  const files = ['Cargo.toml', 'CHANGELOG.md', 'clients/typescript/package.json', 'clients/python/pyproject.toml'];
  for (const path of [...files, 'scripts/release', 'scripts/packages', 'scripts/requirements']) {
    await cp(join(ROOT, path), join(root, path), { recursive: true });
  }
  await mkdir(join(root, 'target'));
  // The installed tools.
  await symlink(join(ROOT, 'target/release-tools'), join(root, 'target/release-tools'));
  const text = await readFile(join(root, file), 'utf8');
  assert.notEqual(edit(text), text);
  await writeFile(join(root, file), edit(text));
  return root;
}

/** The checksums of all files in a directory, by path. */
async function checksums(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = async (file) => createHash('sha256').update(await readFile(file)).digest('hex');
  const pairs = files.map(async (file) => [file.slice(directory.length), await hash(file)]);
  return Object.fromEntries(await Promise.all(pairs));
}

test('the same binary and commit produce the same bytes', async () => {
  const binary = await program(VERSION);
  const results = [];
  for (const name of ['first', 'second']) {
    const output = join(SCRATCH, 'reproducible', name);
    const result = await release(['--binary', binary, '--output', output]);
    assert.equal(result.code, 0, result.output);
    results.push(await checksums(output));
  }
  assert.equal(Object.keys(results[0]).length, 5);
  assert.deepEqual(results[0], results[1]);
});

/** Returns the manifest in an npm package. */
const npmManifest = async (path) => JSON.parse((await run('tar', ['-xzOf', path, 'package/package.json'])).output);

/** Returns the metadata of the only wheel in a directory, which ends with its README. */
async function wheelMetadata(directory) {
  const [wheel] = (await readdir(directory)).filter((name) => name.endsWith('.whl'));
  const script = `import sys, zipfile; wheel = zipfile.ZipFile(sys.argv[1])
print(wheel.read(next(name for name in wheel.namelist() if name.endswith('/METADATA'))).decode())`;
  return (await run('python3', ['-c', script, join(directory, wheel)])).output;
}

test('the packages name their repository', async () => {
  const output = join(SCRATCH, 'repository');
  const env = { REPOSITORY_URL: 'https://example.com/posts-api' };
  assert.equal((await release(['--binary', await program(VERSION), '--output', output], env)).code, 0);
  const { repository } = await npmManifest(join(output, 'npm', `posts-api-${VERSION}.tgz`));
  assert.equal(repository.url, 'git+https://example.com/posts-api.git');
  const metadata = await wheelMetadata(join(output, 'pypi'));
  assert.match(metadata, /^Project-URL: Source, https:\/\/example\.com\/posts-api$/m);
});

test('the packages of the clients name their repository', async () => {
  const output = join(SCRATCH, 'clients-repository');
  const url = 'https://example.com/fork';
  const result = await release(['--clients', '--output', output], { REPOSITORY_URL: url });
  assert.equal(result.code, 0, result.output);
  const manifest = await npmManifest(join(output, 'npm-client', `posts-api-client-${VERSION}.tgz`));
  assert.deepEqual(manifest.repository, { type: 'git', url: `git+${url}.git`, directory: 'clients/typescript' });
  assert.equal(manifest.bugs, `${url}/issues`);
  const metadata = await wheelMetadata(join(output, 'pypi-client'));
  assert.ok(metadata.includes(`\nProject-URL: Repository, ${url}\n`), metadata);
  assert.ok(metadata.includes(`](${url}/blob/v${VERSION}/docs/api/errors.md)`), metadata);
  assert.doesNotMatch(metadata, /\]\(\.\.\//, 'a relative link');
});

test('without a binary, cargo builds one without the paths of the machine', async () => {
  const tools = join(SCRATCH, 'tools');
  await mkdir(tools);
  const cargo = (await run('sh', ['-c', 'command -v cargo'])).output.trim();
  // Stands in for the build only.
  const script = `#!/bin/sh
[ "$1" = build ] || exec '${cargo}' "$@"
echo "$*|$RUSTFLAGS" >'${tools}/build'
while [ "$1" != --target ]; do shift; done
mkdir -p "$CARGO_TARGET_DIR/$2/release" && cp '${await program(VERSION)}' "$CARGO_TARGET_DIR/$2/release/posts-api"
`;
  await writeFile(join(tools, 'cargo'), script, { mode: 0o755 });
  const output = join(SCRATCH, 'built');
  const directories = { PATH: `${tools}:${process.env.PATH}`, CARGO_TARGET_DIR: join(SCRATCH, 'cargo-target') };
  const result = await release(['--output', output], { ...directories, RUSTFLAGS: '-g' });
  assert.equal(result.code, 0, result.output);
  const [args, flags] = (await readFile(join(tools, 'build'), 'utf8')).trim().split('|');
  assert.match(args, /^build --release --locked --bin posts-api --target \S+$/);
  const root = ROOT.replace(/\/$/, '');
  assert.ok(flags.startsWith(`-g --remap-path-prefix=${root}=/posts-api --remap-path-prefix=`), flags);
  assert.equal((await readdir(join(output, 'npm'))).length, 2);
});

test('the packages of the clients have the version of the service and, without its URL, no repository', async () => {
  const output = join(SCRATCH, 'clients');
  const { code, output: message } = await release(['--clients', '--output', output]);
  assert.equal(code, 0, message);
  const [npmPackage] = await readdir(join(output, 'npm-client'));
  assert.equal(npmPackage, `posts-api-client-${VERSION}.tgz`);
  assert.equal((await npmManifest(join(output, 'npm-client', npmPackage))).repository, undefined);
  const python = [`posts_api_client-${VERSION}-py3-none-any.whl`, `posts_api_client-${VERSION}.tar.gz`];
  assert.deepEqual((await readdir(join(output, 'pypi-client'))).sort(), python);
  assert.doesNotMatch(await wheelMetadata(join(output, 'pypi-client')), /^Project-URL|\]\(\.\.\//m);
});

test('a binary of another version is rejected', async () => {
  const output = await rejected(['--binary', await program('9.9.9'), '--output', join(SCRATCH, 'other-version')]);
  assert.match(output, /reports "posts-api 9\.9\.9", but the version in Cargo\.toml is /);
});

test('only the first line of what another program reports is printed', async () => {
  const other = join(SCRATCH, 'other-program');
  await writeFile(other, '#!/bin/sh\necho "first line"; echo "second line"\n', { mode: 0o755 });
  const message = await rejected(['--binary', other, '--output', join(SCRATCH, 'other-program-output')]);
  assert.match(message, /other-program reports "first line", but the version/);
});

test('a file that is not a program of this platform is rejected', async () => {
  const message = await rejected(['--binary', join(ROOT, 'Cargo.toml'), '--output', join(SCRATCH, 'no-program')]);
  assert.match(message, /failed to run .*Cargo\.toml --version/);
});

test('clients of another version are rejected', async () => {
  for (const file of ['clients/typescript/package.json', 'clients/python/pyproject.toml']) {
    const root = await copyOfProject(`version ${file.split('/')[1]}`, file, (text) => text.replace(VERSION, '9.9.9'));
    assert.match(await rejected(['--check'], root), new RegExp(`the version in ${file} is 9\\.9\\.9, but `));
  }
});

test('a tag must match the version, and the changelog must have a section for it', async () => {
  assert.equal((await release(['--check'])).code, 0);
  assert.match(await rejected(['--check', 'v9.9.9']), /the tag is v9\.9\.9, but .*; expected v/);
  const heading = `## [${VERSION}] - 2026-12-01`;
  const without = (text) => text.replaceAll(VERSION, '9.9.9');
  const unreleased = await copyOfProject('unreleased', 'CHANGELOG.md', without);
  assert.match(await rejected(['--check', `v${VERSION}`], unreleased), /CHANGELOG\.md has no section/);
  const released = await copyOfProject('released', 'CHANGELOG.md', (text) => `${text}\n${heading}\n`);
  assert.equal((await release(['--check', `v${VERSION}`], {}, released)).code, 0);
});
