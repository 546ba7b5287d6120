// Installs the packages as users do, and runs the service until its first response.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, run, start, status, waitFor } from './process.mjs';
import { startRegistry } from './registry.mjs';

const { PACKAGES, SCRATCH } = process.env;
// The pip of scripts/release. It installs into another environment, which takes seconds less than one with its own pip.
const PIP = fileURLToPath(new URL('../../../target/release-tools/venv/bin/pip', import.meta.url));
const manifest = await readFile(new URL('../../../Cargo.toml', import.meta.url), 'utf8');
const VERSION = manifest.match(/^version = "(.*)"$/m)[1];

/** Runs a program, which must succeed. Returns its output. */
async function succeed(program, args, options) {
  const { code, output } = await run(program, args, options);
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${output}`);
  return output;
}

/** Returns a new directory. */
async function directory(name) {
  const path = join(SCRATCH, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** Starts the service, waits for its first response, stops it, and returns how the program ended. */
async function serves(name, program, args, { env, stop = (service) => service.kill('SIGTERM') } = {}) {
  const port = await freePort();
  const settings = { PORT: String(port), DATABASE_URL: 'sqlite://posts.db', SHUTDOWN_GRACE: '0' };
  const service = start(program, args, { cwd: await directory(name), env: { ...env, ...settings } });
  let isEnded = false;
  service.ended.then(() => (isEnded = true));
  const url = `http://127.0.0.1:${port}/api/posts`;
  try {
    const first = await waitFor(`a response from ${program}`, async () => {
      assert.ok(!isEnded, service.output());
      return status(url);
    });
    assert.equal(first, 200);
    stop(service);
    await service.ended;
    // Programs between this test and the service may end first.
    await waitFor('the end of the service', async () => ((await status(url)) === undefined ? true : undefined));
  } finally {
    service.killGroup();
  }
  return service.ended;
}

async function packageFile(folder, pattern) {
  const names = (await readdir(join(PACKAGES, folder))).filter((name) => pattern.test(name));
  assert.equal(names.length, 1, `${pattern} in ${folder}: ${names}`);
  return join(PACKAGES, folder, names[0]);
}

suite('npm', () => {
  let registry, env;
  before(async () => {
    registry = await startRegistry();
    const userconfig = join(await directory('npm'), 'npmrc');
    await writeFile(userconfig, `registry=${registry.url}\n//${new URL(registry.url).host}/:_authToken=test\n`);
    const cache = await directory('npm/cache');
    env = { npm_config_userconfig: userconfig, npm_config_cache: cache, npm_config_audit: 'false' };
    for (const pattern of [/^posts-api-cli-/, /^posts-api-\d/]) {
      // Its own cache, because npm would install what it has published without a download.
      const publishing = { ...env, npm_config_cache: await directory('npm/cache-publish') };
      await succeed('npm', ['publish', await packageFile('npm', pattern)], { env: publishing });
    }
  });
  after(() => registry.close());

  test('npx runs the service until SIGTERM', async () => {
    const cwd = await directory('npx');
    assert.equal(await succeed('npx', ['--yes', 'posts-api', '--version'], { cwd, env }), `posts-api ${VERSION}\n`);
    assert.equal(registry.downloads.length, 2, 'npx downloads one package per platform only');
    await serves('npx', 'npx', ['--yes', 'posts-api'], { env });
  });

  test('npx runs the service until Ctrl-C', async () => {
    // A terminal sends the signal to all processes of the group.
    await serves('npx', 'npx', ['--yes', 'posts-api'], { env, stop: ({ pid }) => process.kill(-pid, 'SIGINT') });
  });

  test('npx without optional dependencies prints a command that works', async () => {
    const cwd = await directory('npx-omit');
    const omit = { ...env, npm_config_omit: 'optional', npm_config_cache: await directory('npm/cache-omit') };
    const { code, output } = await run('npx', ['--yes', 'posts-api', '--version'], { cwd, env: omit });
    assert.equal(code, 1, output);
    const [, command] = output.match(/is not installed\n[^]*Install it with: npx (.*)\n/);
    const repaired = await succeed('npx', ['--yes', ...command.split(' '), '--version'], { cwd, env: omit });
    assert.equal(repaired, `posts-api ${VERSION}\n`);
  });

  /** Runs a program without its binary, which must print a command, and then runs that command. */
  async function repairsAsPrinted(program, cwd, options) {
    const { code, output } = await run(program, ['--version'], { cwd });
    assert.equal(code, 1, output);
    const [, command] = output.match(/is not installed\n[^]*Install it with: npm (.*)\n/);
    await succeed('npm', command.split(' '), { cwd, env: options });
    assert.equal(await succeed(program, ['--version'], { cwd }), `posts-api ${VERSION}\n`);
  }

  test('npm install without optional dependencies prints a command that works', async () => {
    const cwd = await directory('project');
    await writeFile(join(cwd, 'package.json'), '{}');
    const omit = { ...env, npm_config_omit: 'optional' };
    await succeed('npm', ['install', 'posts-api'], { cwd, env: omit });
    await repairsAsPrinted(join(cwd, 'node_modules/.bin/posts-api'), cwd, omit);
  });

  test('npm install --global without the binary prints a command that works', async () => {
    const [cwd, prefix] = [await directory('elsewhere'), await directory('prefix')];
    const omit = { ...env, npm_config_omit: 'optional', npm_config_prefix: prefix };
    await succeed('npm', ['install', '--global', 'posts-api'], { cwd, env: omit });
    // npm 11 installs the optional dependencies of a global package despite `omit`.
    await rm(join(prefix, 'lib/node_modules/posts-api/node_modules'), { recursive: true, force: true });
    await repairsAsPrinted(join(prefix, 'bin/posts-api'), cwd, omit);
    assert.deepEqual(await readdir(cwd), [], 'nothing is installed in the current directory');
  });
});

test('pip installs the program from the wheel', async () => {
  const venv = join(SCRATCH, 'venv');
  await succeed('python3', ['-m', 'venv', '--without-pip', venv]);
  const options = ['--quiet', '--disable-pip-version-check', '--no-index', '--find-links', join(PACKAGES, 'pypi')];
  await succeed(PIP, ['--python', join(venv, 'bin/python'), 'install', ...options, 'posts-api']);
  const program = join(venv, 'bin/posts-api');
  assert.equal(await succeed(program, ['--version']), `posts-api ${VERSION}\n`);
  assert.deepEqual(await serves('pip', program, []), { code: 0, signal: null });
});

test('the archive matches its checksum and contains the program and its licenses', async () => {
  const archive = await packageFile('archives', /\.tar\.gz$/);
  const [checksum, name] = (await readFile(`${archive}.sha256`, 'utf8')).trimEnd().split('  ');
  assert.equal(checksum, createHash('sha256').update(await readFile(archive)).digest('hex'));
  assert.ok(archive.endsWith(`/${name}`));
  const cwd = await directory('archive');
  await succeed('tar', ['-xzf', archive], { cwd });
  const folder = join(cwd, name.replace('.tar.gz', ''));
  const files = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'THIRD-PARTY-LICENSES.txt', 'posts-api'];
  assert.deepEqual((await readdir(folder)).sort(), files);
  assert.deepEqual(await serves('archive', join(folder, 'posts-api'), []), { code: 0, signal: null });
  const notices = await readFile(join(folder, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  const copyrights = ['PostgreSQL Global Development Group', 'Copyright (c) 2023-present Scalar'];
  for (const text of ['actix-web', 'openssl-src', 'libsqlite3-sys', ...copyrights]) {
    assert.ok(notices.includes(text), text);
  }
});

test('npm installs one package per platform, and runs no script', async () => {
  const read = async (pattern) =>
    JSON.parse(await succeed('tar', ['-xzOf', await packageFile('npm', pattern), 'package/package.json']));
  const [platform, wrapper] = [await read(/^posts-api-cli-/), await read(/^posts-api-\d/)];
  assert.equal(platform.name, `@posts-api/cli-${process.platform}-${process.arch}`);
  assert.deepEqual([platform.os, platform.cpu], [[process.platform], [process.arch]]);
  assert.equal(wrapper.optionalDependencies[platform.name], VERSION);
  // Yarn would leave the binary in a ZIP file.
  assert.equal(platform.preferUnplugged, true);
  for (const { version, scripts } of [platform, wrapper]) assert.deepEqual([version, scripts], [VERSION, undefined]);
  if (process.platform === 'linux') {
    assert.deepEqual(platform.libc, ['glibc']);
    const wheel = await packageFile('pypi', /\.whl$/);
    assert.ok(wheel.includes(`-manylinux_${platform.glibc.replace('.', '_')}_`), `${wheel}, ${platform.glibc}`);
  }
});

test('each package contains the licenses and the README', async () => {
  const contents = {
    platform: await succeed('tar', ['-tzf', await packageFile('npm', /^posts-api-cli-/)]),
    wrapper: await succeed('tar', ['-tzf', await packageFile('npm', /^posts-api-\d/)]),
    wheel: await succeed('python3', ['-m', 'zipfile', '-l', await packageFile('pypi', /\.whl$/)]),
  };
  for (const [name, content] of Object.entries(contents)) {
    for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(content.includes(file), `${file} in ${name}`);
    assert.equal(content.includes('THIRD-PARTY-LICENSES.txt'), name !== 'wrapper', name);
    // A wheel has its README in the metadata.
    assert.equal(content.includes('README.md'), name !== 'wheel', name);
  }
});
