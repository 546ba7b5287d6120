// The wrapper `posts-api` of the npm packages, with faked platforms and with programs in place of the binary.
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { suite, test } from 'node:test';
import { run, start, waitFor } from './process.mjs';

const { PACKAGES, SCRATCH, NODE_WITH_EXECVE } = process.env;
const WRAPPER = join(SCRATCH, 'wrapper');
const SUPPORTED = 'linux-x64';

await mkdir(WRAPPER);
const { code } = await run('sh', ['-c', `tar -xzf '${PACKAGES}'/npm/posts-api-[0-9]*.tgz -C '${WRAPPER}'`]);
assert.equal(code, 0);

/** Installs the wrapper, and a package for `platform` with a shell script as its binary. Returns the wrapper's path. */
async function install(name, { platform = SUPPORTED, script, glibc, mode = 0o755 } = {}) {
  const modules = join(SCRATCH, name, 'node_modules');
  await cp(join(WRAPPER, 'package'), join(modules, 'posts-api'), { recursive: true });
  if (script !== undefined) {
    const directory = join(modules, `@posts-api/cli-${platform}`);
    await mkdir(join(directory, 'bin'), { recursive: true });
    await writeFile(join(directory, 'package.json'), JSON.stringify({ glibc }));
    await writeFile(join(directory, 'bin/posts-api'), `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, 'bin/posts-api'), mode);
  }
  return join(modules, 'posts-api/bin/posts-api.cjs');
}

/** Returns arguments that make Node.js report another platform, architecture, and version of glibc. */
async function fake({ platform = 'linux', arch = 'x64', glibc = '2.36', hasExecve = true } = {}) {
  const file = join(SCRATCH, `fake-${platform}-${arch}-${glibc}-${hasExecve}.cjs`);
  await writeFile(
    file,
    `for (const [name, value] of Object.entries(${JSON.stringify({ platform, arch })}))
       Object.defineProperty(process, name, { value });
     process.report.getReport = () => ({ header: ${JSON.stringify(glibc ? { glibcVersionRuntime: glibc } : {})} });
     ${hasExecve ? '' : 'delete process.execve;'}`,
  );
  return ['--require', file];
}

/** Runs the wrapper, which must fail with a message. Returns the message. */
async function failure(wrapper, faked, env) {
  const { code, output } = await run(process.execPath, [...(await fake(faked)), wrapper], { env });
  assert.equal(code, 1, output);
  assert.match(output, /^posts-api: /);
  assert.doesNotMatch(output, /^ +at /m, 'a stack trace');
  return output;
}

test('an unsupported platform is named, with the supported ones and the alternatives', async () => {
  const output = await failure(await install('freebsd'), { platform: 'freebsd', arch: 'arm64' });
  assert.match(output, /no binary for freebsd-arm64, only for darwin-arm64, darwin-x64, linux-arm64, linux-x64\n/);
  assert.match(output, /docker run/);
  assert.match(output, /cargo build --release/);
  assert.doesNotMatch(output, /WSL/);
});

test('an unsupported architecture of a supported system is named', async () => {
  assert.match(await failure(await install('riscv'), { arch: 'riscv64' }), /no binary for linux-riscv64, only for /);
});

test('on Windows, the message also names WSL', async () => {
  assert.match(await failure(await install('windows'), { platform: 'win32' }), /no binary for win32-x64[^]*WSL/);
});

test('a system with musl is named, although its platform is supported', async () => {
  const output = await failure(await install('musl'), { glibc: null });
  assert.match(output, /no binary for linux-x64 with musl, only with glibc\n[^]*docker run/);
});

test('a system with an older glibc than the binary needs is named in the message', async () => {
  const wrapper = await install('old-glibc', { script: 'echo started', glibc: '2.34' });
  const output = await failure(wrapper, { glibc: '2.9' });
  assert.match(output, /needs glibc 2\.34 or newer, but this system has glibc 2\.9\n[^]*docker run/);
  const { output: newer } = await run(process.execPath, [...(await fake({ glibc: '2.34' })), wrapper]);
  assert.equal(newer, 'started\n');
});

test('a missing package is named, with the command that installs it', async () => {
  const wrapper = await install('missing', { platform: 'darwin-arm64', script: 'echo wrong' });
  const command = async (agent) =>
    (await failure(wrapper, {}, { npm_config_user_agent: agent })).match(
      /Install it with: (.*)@\d+\.\d+\.\d+\S*\n$/,
    )[1];
  assert.equal(await command('npm/11.0.0 node/v24.0.0 linux x64'), 'npm install @posts-api/cli-linux-x64');
  assert.equal(await command('pnpm/10.0.0 npm/? node/v24.0.0'), 'pnpm add @posts-api/cli-linux-x64');
  assert.equal(await command('yarn/4.0.0 npm/? node/v24.0.0'), 'yarn add @posts-api/cli-linux-x64');
  assert.match(await failure(wrapper), /the package @posts-api\/cli-linux-x64 is not installed\n/);
});

test('the command for a global installation has the option --global', async () => {
  const command = async (name) =>
    (await failure(await install(name))).match(/Install it with: (.*)@\d+\.\d+\.\d+\S*\n$/)[1];
  assert.equal(await command('global/lib'), 'npm install --global @posts-api/cli-linux-x64');
  assert.equal(await command('library'), 'npm install @posts-api/cli-linux-x64');
  // A project in a directory of the same name.
  await mkdir(join(SCRATCH, 'home/lib'), { recursive: true });
  await writeFile(join(SCRATCH, 'home/lib/package.json'), '{}');
  assert.equal(await command('home/lib'), 'npm install @posts-api/cli-linux-x64');
});

test('for a binary without execute permission, the message names a command that works', async () => {
  const wrapper = await install('not executable', { script: 'echo started', mode: 0o644 });
  const output = await failure(wrapper);
  const [, command] = output.match(/cannot be executed: [^]*Make it executable with: (chmod .*)\n$/);
  assert.equal((await run('sh', ['-c', command])).code, 0);
  assert.equal((await run(process.execPath, [...(await fake()), wrapper])).output, 'started\n');
});

test('for a package without its binary, the message names the command that installs it', async () => {
  const wrapper = await install('no-binary', { script: 'echo wrong' });
  await rm(join(SCRATCH, 'no-binary/node_modules/@posts-api/cli-linux-x64/bin/posts-api'));
  assert.match(await failure(wrapper), /cannot be executed: ENOENT[^]*Install it with: npm install/);
});

// The first replaces the process, the others start the binary as a child.
const RUNTIMES = [
  { name: 'with execve', node: NODE_WITH_EXECVE, hasExecve: true },
  { name: 'without execve', node: NODE_WITH_EXECVE, hasExecve: false },
  { name: 'on the Node.js in PATH', node: process.execPath, hasExecve: true },
];

for (const { name, node, hasExecve } of RUNTIMES) {
  suite(name, () => {
    const prepare = async (label, script) => {
      const wrapper = await install(`${label} ${name}`, { script });
      return [...(await fake({ hasExecve })), wrapper];
    };

    test('arguments, output, and the exit status are passed through', async () => {
      const args = await prepare('status', 'printf "%s|" "$@" "$VALUE"; exit 42');
      const result = await run(node, [...args, 'a b', '', '--c=*'], { env: { VALUE: 'd' } });
      assert.deepEqual(result, { code: 42, signal: null, output: 'a b||--c=*|d|' });
    });

    test('a signal that ends the binary ends the wrapper', async () => {
      const { code, signal } = await run(node, await prepare('killed', 'kill -KILL $$'));
      assert.deepEqual({ code, signal }, { code: null, signal: 'SIGKILL' });
    });

    test('each signal reaches the binary once', async () => {
      const script = `trap 'echo TERM' TERM; trap 'echo HUP' HUP; trap 'echo INT; exit 7' INT
        echo ready; while :; do sleep 0.02; done`;
      const child = start(node, await prepare('signals', script));
      let expected = '';
      try {
        // The last line appears after every signal before it, so a second SIGTERM would be in the output.
        for (const [signal, line] of [
          [undefined, 'ready'],
          ['SIGTERM', 'TERM'],
          ['SIGHUP', 'HUP'],
          ['SIGINT', 'INT'],
        ]) {
          if (signal) child.kill(signal);
          expected += `${line}\n`;
          await waitFor(line, () => (child.output().length >= expected.length ? true : undefined));
        }
        assert.deepEqual(await child.ended, { code: 7, signal: null });
        assert.equal(child.output(), expected);
      } finally {
        child.killGroup();
      }
    });
  });
}
