// Starts the programs that the tests of the examples need, on free ports. They run until `stop()`, or until this
// process exits.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_TIMEOUT = 60_000;
/** How long a busy service is asked again, in milliseconds. */
const BUSY_LIMIT = 120_000;

/** The admin key of the services that `startService` starts. */
export const KEY = 'the-admin-key-of-the-tests';

/** The path of the service binary: POSTS_API_BIN, or the newest build in `target`. */
function serviceBinary() {
  if (process.env.POSTS_API_BIN) return resolve(process.env.POSTS_API_BIN);
  const built = ['release', 'debug'].map((profile) => join(ROOT, 'target', profile, 'posts-api')).filter(existsSync);
  const [newest] = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (!newest) throw new Error('posts-api binary not found; run cargo build or set POSTS_API_BIN');
  return newest;
}

/**
 * Starts a program and waits until its output matches `ready`, at most 60 seconds. `match` is the match, `stop()` sends
 * a signal, and `close()` closes the standard input; both wait until the program exits.
 */
export async function start(command, args, { ready, ...options }) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  let output = '';
  const exited = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const match = await new Promise((resolve, reject) => {
    const fail = (reason) => reject(new Error(`${command} ${reason}:\n${output}`));
    const timer = setTimeout(fail, START_TIMEOUT, `did not start within ${START_TIMEOUT} ms`);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const found = ready.exec(output);
        if (found) (clearTimeout(timer), resolve(found));
      });
    }
    exited.then((code) => (clearTimeout(timer), fail(`exited with ${code}`)));
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  return {
    match,
    output: () => output,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
      process.off('exit', kill);
    },
    close: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

/** Starts the service with these settings. The default database is a temporary SQLite file. */
export async function startService(settings = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'posts-api-example-'));
  const env = { DATABASE_URL: 'sqlite://posts.db', PORT: '0', ADMIN_API_KEY: KEY, RATE_LIMIT: 'off', ...settings };
  const service = await start(serviceBinary(), [], { cwd: directory, env, ready: /listening on (http:\/\/[\d.:]+)/ });
  return {
    url: service.match[1],
    log: service.output,
    /** Imports the posts in a file with an absolute path. */
    importPosts: (file) => promisify(execFile)(serviceBinary(), ['import', file], { cwd: directory, env }),
    stop: async () => {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Creates an empty database on the server at TEST_DATABASE_URL, or on a temporary PostgreSQL cluster. */
export async function startPostgres(pg) {
  const testServer = process.env.TEST_DATABASE_URL;
  const cluster = testServer ? undefined : await startCluster();
  const server = testServer ?? cluster.url;
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
  const cluster = await start('sh', [script, await postgresBinDirectory(), String(port), 'off'], { ready: /^ready$/m });
  return { ...cluster, url: `postgres://postgres@127.0.0.1:${port}/postgres` };
}

async function postgresBinDirectory() {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const bins = versions.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`);
  const found = [...bins, ...(process.env.PATH ?? '').split(':')].find((bin) => existsSync(join(bin, 'initdb')));
  if (!found) throw new Error('PostgreSQL not found; install it or set TEST_DATABASE_URL');
  return found;
}

/** Returns a free TCP port. Another program may take it before the caller does. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Sends a request with the admin key and returns the JSON of the response. Throws if the status is not `status`.
 * Repeats a request that the service was too busy to execute, as any client should.
 */
export async function request(service, path, { method = 'GET', body, status = 200, headers = {} } = {}) {
  const deadline = Date.now() + BUSY_LIMIT;
  for (;;) {
    const response = await fetch(service.url + path, {
      method,
      headers: { Authorization: `Bearer ${KEY}`, ...(body && { 'Content-Type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status === status) return text && JSON.parse(text);
    const retryAfter = Number(response.headers.get('Retry-After'));
    if (response.status !== 503 || !retryAfter || Date.now() > deadline) {
      throw new Error(`${method} ${path}: expected ${status}, got ${response.status} ${text}`);
    }
    await sleep(retryAfter * 1000);
  }
}
