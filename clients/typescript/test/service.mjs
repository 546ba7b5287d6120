// Starts posts-api on a temporary SQLite database.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPostsClient } from '@posts-api/client';

export const adminKey = 'an-admin-key-for-these-tests-only';

function program() {
  const target = fileURLToPath(new URL('../../../target/', import.meta.url));
  const candidates = [process.env.POSTS_API_BIN, `${target}release/posts-api`, `${target}debug/posts-api`];
  const found = candidates.find((path) => path && existsSync(path));
  assert(found, 'posts-api binary not found; run cargo build or set POSTS_API_BIN');
  return found;
}

/** Starts the service. It stops when the test of `context` ends. `settings` are further environment variables. */
export async function startService(context, { port = 0, settings = {} } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'posts-api-client-'));
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: `sqlite://${join(directory, 'posts.db')}`,
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_API_KEY: adminKey,
    RATE_LIMIT: 'off',
    ...settings,
  };
  let running = spawnService(directory, env);
  const stop = async () => {
    await running.stop();
    await rm(directory, { recursive: true, force: true });
  };
  context.after(stop);
  const baseUrl = await running.baseUrl;
  /** Kills the service, calls `whileStopped` with the directory of its database, and starts it on the same port. */
  const restart = async (whileStopped) => {
    await running.stop();
    await whileStopped?.(directory);
    running = spawnService(directory, { ...env, PORT: new URL(baseUrl).port });
    await running.baseUrl;
  };
  const importPosts = async (posts) => {
    const lines = posts.map((post) => JSON.stringify(post)).join('\n');
    const importing = promisify(execFile)(program(), ['import', '-'], { cwd: directory, env });
    importing.child.stdin.end(lines);
    await importing;
  };
  return {
    baseUrl,
    stop,
    restart,
    importPosts,
    client: createPostsClient({ baseUrl, apiKey: adminKey }),
    reader: createPostsClient({ baseUrl }),
  };
}

/** Starts the service in a directory. `baseUrl` resolves when it accepts requests. */
function spawnService(directory, env) {
  const child = spawn(program(), [], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const baseUrl = new Promise((resolve, reject) => {
    const output = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
        if (url) resolve(url);
      });
    }
    exited.then((code) => reject(new Error(`posts-api exited with ${code}:\n${output.join('\n')}`)));
  });
  return { stop, baseUrl };
}

/** Copies the database of a stopped service to another directory, and replaces the database there. */
export async function copyDatabase(from, to) {
  await mkdir(to, { recursive: true });
  const filesIn = async (directory) => (await readdir(directory)).filter((name) => name.startsWith('posts.db'));
  for (const name of await filesIn(to)) await rm(join(to, name));
  for (const name of await filesIn(from)) await cp(join(from, name), join(to, name));
}
