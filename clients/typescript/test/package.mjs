// The package as npm publishes it. scripts/test.mjs packs it before the tests.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const tarball = fileURLToPath(new URL('../package.tgz', import.meta.url));

/** Extracts the package to `directory`. */
export async function extract(directory) {
  assert(existsSync(tarball), 'the package is not packed; run the tests with npm test');
  await promisify(execFile)('tar', ['-xzf', tarball, '-C', directory]);
}

/** Creates a directory in `parent` for an app that has installed the package. It is deleted when the test ends. */
export async function install(context, parent = tmpdir()) {
  const directory = await mkdtemp(join(parent, 'app-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  await extract(directory);
  await mkdir(`${directory}/node_modules/@posts-api`, { recursive: true });
  await rename(`${directory}/package`, `${directory}/node_modules/@posts-api/client`);
  const dependencies = { '@posts-api/client': '*' };
  await writeFile(`${directory}/package.json`, JSON.stringify({ name: 'app', type: 'module', dependencies }));
  return directory;
}
