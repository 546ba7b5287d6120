// Runs all checks of this package: `npm ci && npm test`. `npm test -- retries` limits the tests to
// test/retries.test.mjs.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
// npm puts node_modules/.bin first on the PATH, so this script runs on the Node version in package.json, which Astro
// and the code generator require. Code that supports older versions is tested on the Node version that runs npm.
const packageNode = process.execPath;
const npmNode = process.env.npm_node_execpath ?? packageNode;
const selectedTests = process.argv.slice(2);

function run(title, program, ...args) {
  const start = Date.now();
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      console.log(`${error ? 'FAILED' : 'passed'}  ${title}  ${((Date.now() - start) / 1000).toFixed(1)} s`);
      if (!error) return resolve();
      // Print only the part after the list of passed tests.
      console.error((stdout + stderr).replace(/^.*failing tests:$/ms, ''));
      reject(new Error(`${title} failed`));
    });
  });
}

/** The text of all files in a directory, by their relative paths. */
async function readFiles(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(directory.length), await readFile(file, 'utf8')]),
  );
  return new Map(texts);
}

async function checkGeneratedCode() {
  const fresh = await mkdtemp(join(tmpdir(), 'posts-api-generated-'));
  await run('generate', packageNode, 'scripts/generate.mjs', fresh);
  const [expected, actual] = [await readFiles(fresh), await readFiles('src/generated')];
  await rm(fresh, { recursive: true });
  const stale = [...new Set([...expected.keys(), ...actual.keys()])].filter(
    (name) => expected.get(name) !== actual.get(name),
  );
  if (stale.length > 0) throw new Error(`src/generated is out of date (${stale}): run npm run generate`);
}

/** Runs a command of the npm that runs this script. */
const npm = (title, ...args) => {
  const { npm_execpath: program } = process.env;
  return program ? run(title, npmNode, program, ...args) : run(title, 'npm', ...args);
};

/** Builds the package, and packs it as npm publishes it, for the tests of the package. */
async function pack() {
  await npm('pack', 'pack');
  const { name, version } = JSON.parse(await readFile('package.json', 'utf8'));
  await rename(`${name.replace('@', '').replace('/', '-')}-${version}.tgz`, 'package.tgz');
}

/** Installs the tools of the tests if their lock file has changed since the last installation. */
async function installTools() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.installed'].map((file) => `test/tools/${file}`);
  const read = (file) => readFile(file, 'utf8').catch(() => undefined);
  if ((await read(installed)) === (await read(lock))) return;
  await npm('install tools', 'ci', '--prefix', 'test/tools', '--no-audit', '--no-fund');
  await copyFile(lock, installed);
}

const attw = 'test/tools/node_modules/@arethetypeswrong/cli/dist/index.js';
const compilers = ['typescript', 'typescript-5'];
const tsc = (compiler, project) => () =>
  run(`${compiler} ${project}`, packageNode, `node_modules/${compiler}/bin/tsc`, '-p', project);
const tests = (node, ...names) => {
  const files = names
    .filter((name) => selectedTests.length === 0 || selectedTests.includes(name))
    .map((name) => `test/${name}.test.mjs`);
  return async () =>
    files.length > 0 &&
    run(`tests: ${names.join(', ')}`, node, '--test', '--test-reporter=spec', '--test-concurrency=1', ...files);
};

await checkGeneratedCode();
await pack();
await installTools();
const steps = [
  tests(packageNode, 'astro'),
  tests(npmNode, 'client', 'retries', 'waiting', 'follow', 'signature', 'webhooks', 'loader', 'live', 'examples'),
  tests(packageNode, 'readme', 'package'),
  tests(packageNode, 'runtimes', 'frameworks'),
  () => run('publint', packageNode, 'test/tools/node_modules/publint/src/cli.js', 'run', 'package.tgz', '--strict'),
  // `require` of an ECMAScript module works since Node.js 20.19, so a second build in CommonJS is not needed.
  () => run('attw', packageNode, attw, 'package.tgz', '--ignore-rules', 'cjs-resolves-to-esm'),
  () => run('typescript-5 source', packageNode, 'node_modules/typescript-5/bin/tsc', '-p', '.', '--noEmit'),
  ...['browser', 'node', 'loaders', 'astro'].flatMap((project) =>
    compilers.map((c) => tsc(c, `test/types/${project}.json`)),
  ),
];
// Runs one step per core, at most 4. After a failure, running steps finish and no new step starts.
const workers = Array.from({ length: Math.min(4, availableParallelism()) }, async () => {
  for (let step = steps.shift(); step; step = steps.shift()) await step();
});
const failed = workers.map((worker) => worker.catch(() => (steps.splice(0), true)));
if ((await Promise.all(failed)).includes(true)) process.exit(1);
