// Tests that the checks reject documents that are broken on purpose.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const text = await readFile(join(here, '../openapi.json'), 'utf8');
const environment = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
let directory;

before(async () => (directory = await mkdtemp(join(tmpdir(), 'posts-api-document-'))));
after(() => rm(directory, { recursive: true }));

// Writes a copy of openapi.json with these changes to a file and returns its path.
const writeChanged = async (name, ...changes) => {
  const document = JSON.parse(text);
  changes.forEach((change) => change(document));
  const file = join(directory, `${name}.json`);
  await writeFile(file, JSON.stringify(document, null, 2));
  return file;
};

const run = (program, ...args) =>
  new Promise((resolve) =>
    execFile(join(here, program), args, { cwd: here, env: environment, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, output: stdout + stderr }),
    ),
  );

const operation = (document, id) =>
  Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .find((found) => found.operationId === id);
const resolve = (document, found) =>
  found.$ref
    ? found.$ref
        .slice(2)
        .split('/')
        .reduce((node, key) => node[key], document)
    : found;
const parameter = (document, id, name) =>
  operation(document, id)
    .parameters.map((found) => resolve(document, found))
    .find((found) => found.name === name);
const setVersion = (number) => (document) => (document.info.version = number);
const remove = (list, item) => list.splice(list.indexOf(item), 1);

// Breaking changes, by the rule that must detect them.
const breaking = {
  'path-removed': (d) => delete d.paths['/problems/{code}'],
  'operation-removed': (d) => delete d.paths['/api/posts/{id}'].delete,
  'parameter-removed': (d) => remove(operation(d, 'list_posts').parameters, parameter(d, 'list_posts', 'q')),
  'parameter-became-required': (d) => (parameter(d, 'list_posts', 'limit').required = true),
  'response-removed': (d) => delete operation(d, 'put_post_by_slug').responses[201],
  'property-removed': (d) => delete d.components.schemas.Post.properties.slug,
  'required-properties-added': (d) => d.components.schemas.CreatePost.required.push('content'),
  'schema-type-changed': (d) => (d.components.schemas.Post.properties.version.type = 'string'),
  'enum-values-removed': (d) => remove(parameter(d, 'list_posts', 'sort').schema.enum, 'title'),
  'schema-constraint-changed': (d) => (d.components.schemas.CreatePost.properties.title.maxLength = 100),
};

// Changes that do not break clients of the previous release.
const compatible = (d) => {
  operation(d, 'list_posts').parameters.push({
    name: 'author',
    in: 'query',
    description: 'Only posts by this author.',
    required: false,
    schema: { type: 'string' },
  });
  d.components.schemas.Post.properties.author = { type: 'string', description: 'The author.', example: 'Ada' };
  d.components.schemas.CreatePost.properties.author = { type: 'string', description: 'The author.', example: 'Ada' };
  operation(d, 'get_post').description = 'Reworded.';
};

describe('compare', { concurrency: 2 }, () => {
  const compare = (released, current) => run('compare', released, current);

  test('detects each breaking change', async () => {
    const current = await writeChanged('broken', ...Object.values(breaking));
    const found = await run(
      'node_modules/.bin/redocly',
      'diff',
      join(here, '../openapi.json'),
      current,
      '--config',
      'redocly.yaml',
      '--format',
      'json',
    );
    const major = JSON.parse(found.stdout)
      .changes.flatMap(({ verdicts }) => verdicts)
      .filter(({ impact }) => impact === 'major')
      .map(({ ruleId }) => ruleId);
    assert.deepEqual(
      Object.keys(breaking).filter((rule) => !major.includes(rule)),
      [],
      major.join(' '),
    );
  });

  for (const [released, current, passes] of [
    ['0.1.0', '0.1.1', false],
    ['0.1.0', '0.2.0', true],
    ['1.2.3', '1.3.0', false],
    ['1.2.3', '2.0.0', true],
  ]) {
    test(`${passes ? 'allows' : 'rejects'} a breaking change: ${released} to ${current}`, async () => {
      const result = await compare(
        await writeChanged(`released-${released}-${current}`, setVersion(released)),
        await writeChanged(`current-${released}-${current}`, setVersion(current), breaking['operation-removed']),
      );
      assert.equal(result.status === 0, passes, result.output);
      assert.match(result.output, /operation-removed/);
    });
  }

  test('allows compatible changes', async () => {
    const result = await compare(await writeChanged('same'), await writeChanged('compatible', compatible));
    assert.equal(result.status, 0, result.output);
  });

  test('fails if a document is missing', async () => {
    const result = await compare(join(directory, 'missing.json'), join(here, '../openapi.json'));
    assert.notEqual(result.status, 0, result.output);
  });
});

describe('lint', { concurrency: 2 }, () => {
  test('Spectral detects a violation of each rule', async () => {
    const content = (d, id, status) => resolve(d, operation(d, id).responses[status]).content;
    const violations = {
      'operation-description': (d) => delete operation(d, 'check_liveness').description,
      'operation-operationId': (d) => delete operation(d, 'check_readiness').operationId,
      'operation-tags': (d) => (operation(d, 'list_keys').tags = []),
      'operation-singular-tag': (d) => operation(d, 'create_key').tags.push('posts'),
      'oas3-parameter-description': (d) => delete parameter(d, 'list_posts', 'count').description,
      'tag-description': (d) => delete d.tags[0].description,
      'operation-summary': (d) => delete operation(d, 'get_docs').summary,
      'operation-id-snake-case': (d) => (operation(d, 'revoke_key').operationId = 'revokeKey'),
      'property-snake-case': (d) =>
        (d.components.schemas.Health.properties.upSince = { type: 'string', example: 'now' }),
      'errors-are-problems': (d) => (content(d, 'get_post', 404)['application/json'] = { schema: { type: 'object' } }),
      'errors-use-the-problem-schema': (d) =>
        (content(d, 'get_post', 500)['application/problem+json'].schema.$ref = '#/components/schemas/Health'),
      'bodies-have-examples': (d) => delete d.components.schemas.Post.example,
      'optional-parameters-have-no-example': (d) => (parameter(d, 'list_posts', 'q').example = 'rust'),
      'required-parameters-have-an-example': (d) => delete parameter(d, 'get_post', 'id').example,
    };
    const file = await writeChanged('spectral', ...Object.values(violations));
    const result = await run(
      'node_modules/.bin/spectral',
      'lint',
      file,
      '-r',
      'spectral.yaml',
      '--format',
      'json',
      '--quiet',
    );
    const found = JSON.parse(result.stdout).map(({ code }) => code);
    assert.deepEqual(
      Object.keys(violations).filter((rule) => !found.includes(rule)),
      [],
      found.join(' '),
    );
  });

  test('Redocly detects invalid examples and missing 4xx responses', async () => {
    const file = await writeChanged(
      'redocly',
      (d) => (d.components.schemas.Post.example.version = 'one'),
      (d) => delete operation(d, 'get_docs').responses[429],
    );
    const result = await run('node_modules/.bin/redocly', 'lint', '--config', 'redocly.yaml', file);
    assert.notEqual(result.status, 0);
    assert.match(result.output, /no-invalid-schema-examples/);
    assert.match(result.output, /operation-4xx-response/);
  });
});
