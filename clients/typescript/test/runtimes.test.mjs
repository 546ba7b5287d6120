// Runs the packed package in Deno, Bun, Node.js, and Cloudflare Workers, against the service.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { install } from './package.mjs';
import { files } from './readme.mjs';
import { adminKey, startService } from './service.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);
const deno = here('tools/node_modules/deno/bin.cjs');
const bun = here('tools/node_modules/bun/bin/bun.exe');
const workerd = here('tools/node_modules/workerd/bin/workerd');

const runtimes = {
  // The permissions that the README shows. Deno asks for all others, and then fails.
  Deno: [
    process.execPath,
    deno,
    'run',
    '--no-prompt',
    '--no-remote',
    '--allow-net=127.0.0.1',
    '--allow-env=BASE_URL,API_KEY',
  ],
  Bun: [bun, 'run'],
  'Node.js': [process.execPath],
};

describe('the package runs', { concurrency: true }, () => {
  for (const [name, command] of Object.entries(runtimes)) {
    test(`in ${name}`, async (t) => {
      const { baseUrl } = await startService(t);
      const directory = await install(t);
      await copyFile(here('tools/scenario.mjs'), `${directory}/scenario.mjs`);
      const [program, ...args] = command;
      const { stdout } = await run(program, [...args, 'scenario.mjs'], {
        cwd: directory,
        env: { PATH: process.env.PATH, HOME: directory, BASE_URL: baseUrl, API_KEY: adminKey },
      });
      assert.equal(stdout, 'passed\n');
    });
  }

  test('in Deno and Bun as in the README', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: ['A', 'B'].map((title) => ({ title, published: true })) });
    const directory = await install(t);
    await writeFile(`${directory}/main.ts`, files.get('main.ts').replace('http://127.0.0.1:8080', baseUrl));
    const options = { cwd: directory, env: { PATH: process.env.PATH, HOME: directory, NO_COLOR: '1' } };
    for (const [program, ...args] of [
      [process.execPath, deno, 'run', '--check', '--no-prompt', '--no-remote', '--allow-net', 'main.ts'],
      [bun, 'run', 'main.ts'],
    ]) {
      assert.equal((await run(program, args, options)).stdout, 'B\nA\n', program);
    }
  });

  test('in Cloudflare Workers', async (t) => {
    const { baseUrl } = await startService(t);
    const directory = await install(t);
    const dist = `${directory}/node_modules/@posts-api/client/dist`;
    await copyFile(here('tools/worker.mjs'), `${dist}/worker.mjs`);
    const names = (await readdir(dist, { recursive: true })).filter(
      (name) => name.endsWith('.js') && !name.startsWith('astro/'),
    );
    const modules = ['worker.mjs', ...names].map((name) => `(name = "${name}", esModule = embed "${name}")`);
    const bindings = { BASE_URL: baseUrl, API_KEY: adminKey };
    const config = `
      using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (
        services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["local"]))],
        sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
      );
      const worker :Workerd.Worker = (
        modules = [${modules.join(', ')}],
        bindings = [${Object.entries(bindings)
          .map(([name, text]) => `(name = "${name}", text = "${text}")`)
          .join(', ')}],
        compatibilityDate = "2026-01-01",
      );`;
    await writeFile(`${dist}/config.capnp`, config);
    const stdio = ['ignore', 'inherit', 'inherit', 'pipe'];
    const child = spawn(workerd, ['serve', '--control-fd=3', 'config.capnp'], { cwd: dist, stdio });
    t.after(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit').then(([code]) => assert.fail(`workerd exited with ${code}`));
    const [line] = await Promise.race([once(createInterface({ input: child.stdio[3] }), 'line'), exited]);
    exited.catch(() => undefined);
    const { port } = JSON.parse(line);
    const send = async (body, headers) => {
      const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body, headers });
      return [response.status, await response.text()];
    };
    const body = JSON.stringify({ type: 'webhook.test' });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const signature = createHmac('sha256', key).update(`1.${timestamp}.${body}`).digest('base64');
    const headers = { 'webhook-id': '1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
    assert.deepEqual(await send(body, headers), [200, 'passed']);
    assert.deepEqual(await send(`${body} `, headers), [400, 'invalid_signature']);
  });

  test('in Deno with types', async (t) => {
    const directory = await install(t);
    const code = `
      import { createPostsClient, type Post } from '@posts-api/client';
      const httpClient: Deno.HttpClient = Deno.createHttpClient({});
      const client = createPostsClient({ baseUrl: 'http://127.0.0.1:8080', fetch });
      const { items } = await client.posts.list({}, { fetchOptions: { client: httpClient } });
      const content: string | null | undefined = items[0]?.content;
      const post: Post | null = await client.posts.find(1);
      console.log(content, post);
    `;
    await writeFile(`${directory}/main.ts`, code);
    const env = { PATH: process.env.PATH, HOME: directory, NO_COLOR: '1' };
    await run(process.execPath, [deno, 'check', '--no-remote', 'main.ts'], { cwd: directory, env });
    await writeFile(`${directory}/main.ts`, code.replace('string | null | undefined', 'number'));
    const check = run(process.execPath, [deno, 'check', '--no-remote', 'main.ts'], { cwd: directory, env });
    await assert.rejects(check, /TS2322/, 'the types are not any');
  });
});
