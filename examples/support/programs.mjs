// Starts what the examples' tests need, on free ports, and ends it: by `stop`, or at the latest when this process ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATIENCE = 60_000;

/** An admin key for the services that are started here. */
export const KEY = 'the-admin-key-of-the-tests';

/** The service's binary: POSTS_API_BIN, or the one that was built last. */
function binary() {
  if (process.env.POSTS_API_BIN) return resolve(process.env.POSTS_API_BIN);
  const built = ['release', 'debug'].map((profile) => join(ROOT, 'target', profile, 'posts-api')).filter(existsSync);
  const [newest] = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (!newest) throw new Error('build the service first (cargo build), or set POSTS_API_BIN');
  return newest;
}

/** A program that runs, once its output matches `ready`; `match` is what was matched. */
export async function start(command, args, { ready, ...options }) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  let output = '';
  const ended = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const match = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${command} ${why}:\n${output}`));
    const late = setTimeout(fail, PATIENCE, 'did not start in time');
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const found = ready.exec(output);
        if (found) (clearTimeout(late), resolve(found));
      });
    }
    ended.then((code) => (clearTimeout(late), fail(`ended with ${code}`)));
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  return {
    match,
    output: () => output,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
      process.off('exit', kill);
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** A service: `url`, `stop()`. Without a `DATABASE_URL` it has a SQLite file of its own. */
export async function startService(settings = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'posts-api-example-'));
  const env = { DATABASE_URL: 'sqlite://posts.db', PORT: '0', ADMIN_API_KEY: KEY, RATE_LIMIT: 'off', ...settings };
  const service = await start(binary(), [], { cwd: directory, env, ready: /listening on (http:\/\/[\d.:]+)/ });
  return {
    url: service.match[1],
    log: service.output,
    stop: async () => {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The URL of an empty PostgreSQL database: one on the server at TEST_DATABASE_URL, or a throw-away cluster. */
export async function startPostgres(pg) {
  const given = process.env.TEST_DATABASE_URL;
  const cluster = given ? undefined : await startCluster();
  const server = given ?? cluster.url;
  const name = `posts_api_example_${process.pid}`;
  const admin = async (sql) => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(server);
  url.pathname = name;
  return {
    url: url.href,
    stop: async () => {
      await admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await cluster?.close();
    },
  };
}

async function startCluster() {
  const port = await freePort();
  const script = join(ROOT, 'tests/api/support/cluster.sh');
  const cluster = await start('sh', [script, await programs(), String(port), 'off'], { ready: /^ready$/m });
  return { ...cluster, url: `postgres://postgres@127.0.0.1:${port}/postgres` };
}

async function programs() {
  const packaged = await readdir('/usr/lib/postgresql').catch(() => []);
  const bins = packaged.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`);
  const found = [...bins, ...(process.env.PATH ?? '').split(':')].find((bin) => existsSync(join(bin, 'initdb')));
  if (!found) throw new Error('install PostgreSQL, or set TEST_DATABASE_URL');
  return found;
}

/** A port that is free now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks a service and takes its answer's JSON. */
export async function ask(service, path, { method = 'GET', body, status = 200, headers = {} } = {}) {
  const response = await fetch(service.url + path, {
    method,
    headers: { Authorization: `Bearer ${KEY}`, ...(body && { 'Content-Type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}
