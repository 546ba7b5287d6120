// Every check of this package, in one command: `npm ci && npm test`. `npm test -- retries` runs the tests of that name only.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
// npm puts node_modules/.bin in front, so `node` is the one of package.json: Astro and the generator need it. What users
// may run on an older one is tested on the one that runs npm.
const newNode = process.execPath;
const itsNode = process.env.npm_node_execpath ?? newNode;
const only = process.argv.slice(2);

function run(title, program, ...args) {
  const start = Date.now();
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      console.log(`${error ? 'FAILED' : 'passed'}  ${title}  ${((Date.now() - start) / 1000).toFixed(1)} s`);
      if (!error) return resolve();
      // What passed is told at length before.
      console.error((stdout + stderr).replace(/^.*failing tests:$/ms, ''));
      reject(new Error(`${title} failed`));
    });
  });
}

/** All files below a directory, by their paths, as text. */
async function contents(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(directory.length), await readFile(file, 'utf8')]),
  );
  return new Map(texts);
}

async function generatedIsCurrent() {
  const fresh = await mkdtemp(join(tmpdir(), 'posts-api-generated-'));
  const generator = ['node_modules/@hey-api/openapi-ts/bin/run.js', '-f', 'openapi-ts.config.mjs', '-o', fresh];
  await run('generate', newNode, ...generator);
  const [wanted, found] = [await contents(fresh), await contents('src/generated')];
  await rm(fresh, { recursive: true });
  const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter(
    (name) => wanted.get(name) !== found.get(name),
  );
  if (stale.length > 0) throw new Error(`src/generated is not what openapi.json gives (${stale}): npm run generate`);
}

const compilers = ['typescript', 'typescript-5'];
const tsc = (compiler, project) => () =>
  run(`${compiler} ${project}`, newNode, `node_modules/${compiler}/bin/tsc`, '-p', project);
const tests = (node, ...names) => {
  const files = names.filter((name) => only.length === 0 || only.includes(name)).map((name) => `test/${name}.test.mjs`);
  return async () =>
    files.length > 0 &&
    run(`tests: ${names.join(', ')}`, node, '--test', '--test-reporter=spec', '--test-concurrency=1', ...files);
};

await generatedIsCurrent();
await rm('dist', { recursive: true, force: true });
await tsc('typescript', '.')();
const steps = [
  tests(newNode, 'astro'),
  tests(itsNode, 'client', 'retries', 'waiting', 'loader', 'live', 'package'),
  tests(newNode, 'readme'),
  () => run('typescript-5 source', newNode, 'node_modules/typescript-5/bin/tsc', '-p', '.', '--noEmit'),
  ...['browser', 'node', 'loaders', 'astro'].flatMap((project) =>
    compilers.map((c) => tsc(c, `test/types/${project}.json`)),
  ),
];
// As many at once as there are cores. After a failure nothing new begins, and what runs may end.
const work = Array.from({ length: Math.min(4, availableParallelism()) }, async () => {
  for (let step = steps.shift(); step; step = steps.shift()) await step();
});
const failed = work.map((each) => each.catch(() => (steps.splice(0), true)));
if ((await Promise.all(failed)).includes(true)) process.exit(1);
