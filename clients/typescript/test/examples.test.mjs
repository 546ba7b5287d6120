// Runs the programs of the documentation and of examples/rebuild-site against the service.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { copyFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { install } from './package.mjs';
import { copyDatabase, startService } from './service.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Creates a directory with the packed package, and with these files. */
async function createApp(context, files, packages = []) {
  const directory = await install(context);
  for (const name of packages) await symlink(here(`../node_modules/${name}`), `${directory}/node_modules/${name}`);
  for (const [name, source] of Object.entries(files)) await writeFile(`${directory}/${name}`, source);
  return directory;
}

/** Runs a program. `waitFor(pattern)` waits for the next line that matches, and returns the match. */
function run(context, directory, file, env) {
  const child = spawn(process.execPath, [file], { cwd: directory, env: { PATH: process.env.PATH, ...env } });
  const exited = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => (child.kill('SIGKILL'), await exited);
  context.after(stop);
  const lines = [];
  let next = 0;
  let onLine = () => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => (lines.push(line), onLine()));
  }
  const waitFor = async (pattern) => {
    const failed = exited.then((code) => {
      throw new Error(`${file} exited with ${code}:\n${lines.join('\n')}`);
    });
    // If a line matches already, nothing awaits this promise.
    failed.catch(() => undefined);
    for (;;) {
      while (next < lines.length) {
        const match = pattern.exec(lines[next++]);
        if (match) return match;
      }
      await Promise.race([new Promise((resolve) => (onLine = resolve)), failed]);
    }
  };
  return { waitFor, stop, lines };
}

const published = (...titles) => ({
  posts: titles.map((title) => ({ title, content: `About ${title}.`, published: true })),
});

describe('the program of docs/guides/search-index.md', { concurrency: 2 }, () => {
  async function startSearch(context, service) {
    const guide = await readFile(here('../../../docs/guides/search-index.md'), 'utf8');
    const [, source] = /^```js\n(\/\/ search\.mjs\n.*?)^```$/ms.exec(guide);
    assert(source.split('\n').length < 60);
    const directory = await createApp(context, { 'search.mjs': source }, ['minisearch']);
    const start = async () => {
      const program = run(context, directory, 'search.mjs', { POSTS_API_URL: service.baseUrl, PORT: '0' });
      const [, port] = await program.waitFor(/listening on (\d+)/);
      const search = async (words) => {
        const found = await (await fetch(`http://127.0.0.1:${port}/?${new URLSearchParams({ q: words })}`)).json();
        return found.map(({ slug }) => slug).sort();
      };
      return { ...program, search };
    };
    return { directory, start };
  }

  test('follows all changes, also while it does not run', async (t) => {
    const service = await startService(t);
    const { client } = service;
    await client.posts.batch(published('Harbor', 'Bread', 'Ferry'));
    const { start } = await startSearch(t, service);
    const first = await start();
    await first.waitFor(/^3 posts in the index$/);
    assert.deepEqual(await first.search('harbour'), ['harbor'], 'finds words with a typing error');
    const bread = await client.posts.getBySlug('bread');
    await client.posts.update(bread.id, { slug: 'rolls', title: 'Rolls' });
    await first.waitFor(/^3 posts in the index$/);
    assert.deepEqual(await first.search('rolls'), ['rolls']);
    await client.posts.unpublish(bread.id);
    await first.waitFor(/^2 posts in the index$/);
    assert.deepEqual(await first.search('rolls'), []);
    await first.stop();

    await client.posts.delete((await client.posts.getBySlug('ferry')).id);
    await client.posts.create({ title: 'Bench', published: true });
    const second = await start();
    assert.deepEqual(await second.search('harbor'), ['harbor'], 'loads the stored index');
    await second.waitFor(/^2 posts in the index$/);
    assert.deepEqual([await second.search('ferry'), await second.search('bench')], [[], ['bench']]);
  });

  test('survives an outage and a restored backup', async (t) => {
    const service = await startService(t);
    const { client, restart } = service;
    await client.posts.batch(published('Harbor', 'Bread'));
    await restart((directory) => copyDatabase(directory, `${directory}/backup`));
    await client.posts.create({ title: 'Lost', published: true });
    const { directory, start } = await startSearch(t, service);
    const program = await start();
    await program.waitFor(/^3 posts in the index$/);
    await restart(async (directory) => {
      await program.waitFor(/^will continue in \d+ s: GET \/api\/changes failed with no_response/);
      assert.deepEqual(await program.search('lost'), ['lost'], 'searches work during the outage');
      await copyDatabase(`${directory}/backup`, directory);
    });
    await program.waitFor(/^2 posts in the index$/);
    assert.deepEqual(await program.search('lost'), []);
    const { cursor } = JSON.parse(await readFile(`${directory}/search-index.json`, 'utf8'));
    assert.deepEqual((await client.changes.list({ cursor })).items, []);
  });
});

describe('examples/rebuild-site', { concurrency: 2 }, () => {
  const newSecret = () => `whsec_${randomBytes(24).toString('base64')}`;
  const changed = JSON.stringify({
    type: 'posts.changed',
    timestamp: '2026-01-31T12:00:00Z',
    data: { count: 1, cursor: 'c' },
  });

  function sign(body, secret) {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const hmac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`1.${timestamp}.${body}`);
    return { 'webhook-id': '1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${hmac.digest('base64')}` };
  }

  /** Starts the receiver with a build that ends when the test calls `finish`, with an exit code. */
  async function startReceiver(context, secret, env = {}) {
    const build = `
      import { watch, readFileSync, rmSync } from 'node:fs';
      console.log('build started');
      const finish = () => {
        try {
          const code = Number(readFileSync('finish', 'utf8') || NaN);
          if (Number.isNaN(code)) return;
          rmSync('finish');
          process.exit(code);
        } catch {}
      };
      watch('.', finish);
      finish();
    `;
    const directory = await createApp(context, { 'build.mjs': build });
    await copyFile(here('../../../examples/rebuild-site/receiver.mjs'), `${directory}/receiver.mjs`);
    const program = run(context, directory, 'receiver.mjs', {
      WEBHOOK_SECRET: secret,
      BUILD_COMMAND: `'${process.execPath}' build.mjs`,
      PORT: '0',
      ...env,
    });
    const [, url] = await program.waitFor(/listening on (http:\S+)/);
    const send = async (body, headers, method = 'POST') => (await fetch(url, { method, body, headers })).status;
    return { ...program, url, send, finish: (code = 0) => writeFile(`${directory}/finish`, String(code)) };
  }

  test('runs one build at a time, and one more after changes', async (t) => {
    const secret = newSecret();
    const { send, waitFor, finish, lines } = await startReceiver(t, secret);
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
    assert.equal(await send(changed, sign(changed, secret)), 202);
    await waitFor(/^build started$/);
    for (let count = 0; count < 3; count += 1) assert.equal(await send(changed, sign(changed, secret)), 202);
    await finish(3);
    await waitFor(/^build failed with exit code 3$/);
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
    assert.equal(await send(changed, sign(changed, secret)), 202);
    await waitFor(/^build started$/);
    assert.equal(lines.filter((line) => line === 'build started').length, 4);
    await finish();
    await waitFor(/^build succeeded$/);
  });

  test('rejects other requests', async (t) => {
    const [secret, next] = [newSecret(), newSecret()];
    const { url, send, waitFor, finish, lines } = await startReceiver(t, `${next},${secret}`);
    await finish();
    await waitFor(/^build succeeded$/);
    const test = JSON.stringify({ type: 'webhook.test', timestamp: '2026-01-31T12:00:00Z', data: {} });
    assert.equal(await send(changed, sign(changed, newSecret())), 400);
    assert.equal(await send(changed, {}), 400);
    assert.equal(await send(undefined, {}, 'GET'), 405);
    assert.equal(await send('x'.repeat(100_000), {}), 413);
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{', () => socket.destroy());
    await waitFor(/^failed to receive a request: aborted$/);
    assert.equal(await send(test, sign(test, secret)), 202);
    assert.equal(lines.filter((line) => line === 'build started').length, 1);
    assert.equal(await send(changed, sign(changed, next)), 202);
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
  });

  test('repeats a failed build, until it has failed too often', async (t) => {
    const secret = newSecret();
    const { send, waitFor, finish, lines } = await startReceiver(t, secret, { BUILD_RETRY_DELAYS: '0,0' });
    const fail = async () => {
      await waitFor(/^build started$/);
      await finish(1);
      await waitFor(/^build failed with exit code 1$/);
    };
    for (let count = 0; count < 3; count += 1) await fail();
    assert.equal(lines.filter((line) => line === 'will build again in 0 s').length, 2);
    // A request starts over, also while the receiver waits.
    assert.equal(await send(changed, sign(changed, secret)), 202);
    await fail();
    await waitFor(/^will build again in 0 s$/);
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
    assert.equal(lines.filter((line) => line === 'build started').length, 5);
  });

  test('accepts a body without a length, up to 64 KiB', async (t) => {
    const secret = newSecret();
    const { url, waitFor, finish } = await startReceiver(t, secret);
    await finish();
    await waitFor(/^build succeeded$/);
    const send = async (body, headers) => {
      const stream = new Blob([body]).stream();
      return (await fetch(url, { method: 'POST', body: stream, headers, duplex: 'half' })).status;
    };
    assert.equal(await send(changed, sign(changed, secret)), 202);
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
    const large = 'x'.repeat(64 * 1024 + 1);
    assert.equal(await send(large, sign(large, secret)), 413);
  });

  test('is called by the service once per burst', async (t) => {
    const { client } = await startService(t, { settings: { WEBHOOK_NETWORKS: '127.0.0.0/8' } });
    const hook = await client.webhooks.create({ url: 'http://127.0.0.1:9', mode: 'burst', quiet: 1, enabled: false });
    const { url, waitFor, finish, lines } = await startReceiver(t, hook.secret);
    await finish();
    await waitFor(/^build succeeded$/);
    await client.webhooks.update(hook.id, { url, enabled: true });
    await client.posts.batch(published('A', 'B', 'C', 'D', 'E'));
    await waitFor(/^build started$/);
    await finish();
    await waitFor(/^build succeeded$/);
    let items = [];
    // The service stores an attempt after it has received the response.
    while (items.length === 0) ({ items } = await client.webhooks.attempts(hook.id));
    assert.deepEqual(
      items.map(({ type, status }) => [type, status]),
      [['posts.changed', 202]],
    );
    assert.equal(lines.filter((line) => line === 'build started').length, 2);
  });

  test('does not start without a valid secret', async (t) => {
    await assert.rejects(startReceiver(t, ''), /exited with 1[^]*set WEBHOOK_SECRET/);
  });
});
