// Runs the examples of the README and compares the output with the comments behind `console.log`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from './readme.mjs';
import { adminKey, startService } from './service.mjs';

test('the README examples compile and print what they show', async (t) => {
  const { baseUrl } = await startService(t);
  const directory = await mkdtemp(fileURLToPath(new URL('site-', import.meta.url)));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(`${directory}/readme.ts`, program.replaceAll('http://127.0.0.1:8080', baseUrl));
  const tsconfig = { extends: '../types/node.json', include: ['.'] };
  await writeFile(`${directory}/tsconfig.json`, JSON.stringify(tsconfig));
  const run = promisify(execFile);
  for (const compiler of ['typescript', 'typescript-5']) {
    const tsc = fileURLToPath(new URL(`../node_modules/${compiler}/bin/tsc`, import.meta.url));
    await run(process.execPath, [tsc, '-p', directory]).catch(({ stdout }) => assert.fail(stdout));
  }
  const env = { ...process.env, POSTS_API_KEY: adminKey };
  const { stdout } = await run(process.execPath, [`${directory}/readme.ts`], { env });
  const expected = [...program.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => output);
  assert.equal(expected.length, 15);
  assert.deepEqual(stdout.trim().split('\n'), expected);
});
