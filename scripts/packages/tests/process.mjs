// Helpers that run programs and wait for them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import process from 'node:process';

/** Runs a program to its end. Returns its exit code, or the signal that ended it, and its output. */
export async function run(program, args, options = {}) {
  const child = start(program, args, options);
  return { ...(await child.ended), output: child.output() };
}

/**
 * Starts a program in a process group of its own. Its environment has none of npm's variables, except those in `env`.
 */
export function start(program, args, { cwd, env = {} } = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_TEST|^NODE_OPTIONS$/i.test(name));
  const child = spawn(program, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  // `close` would wait for grandchildren that keep the output open.
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return {
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    /** Kills what is left of the process group. */
    killGroup() {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    },
    ended,
    output: () => output,
  };
}

/** Calls `check` until it returns a value other than undefined. */
export async function waitFor(what, check) {
  for (let attempt = 0; attempt < 2400; attempt += 1) {
    const result = await check();
    if (result !== undefined) return result;
    await delay(50);
  }
  throw new Error(`timed out waiting for ${what}`);
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Returns the status of a response, or undefined if nothing listens. */
export const status = (url) =>
  fetch(url, { headers: { Connection: 'close' } }).then(
    (response) => response.body.cancel().then(() => response.status),
    () => undefined,
  );
