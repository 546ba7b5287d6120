// The checks find what they are there for: documents that are broken on purpose do not pass.

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

// A file with a document that differs from ours by these changes.
const changed = async (name, ...changes) => {
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
const parameter = (document, id, name) => operation(document, id).parameters.find((found) => found.name === name);
const version = (number) => (document) => (document.info.version = number);
const without = (list, item) => list.splice(list.indexOf(item), 1);

// Each breaks some client, and is known by this rule.
const breaking = {
  'path-removed': (d) => delete d.paths['/problems/{code}'],
  'operation-removed': (d) => delete d.paths['/api/posts/{id}'].delete,
  'parameter-removed': (d) => without(operation(d, 'list_posts').parameters, parameter(d, 'list_posts', 'q')),
  'parameter-became-required': (d) => (parameter(d, 'list_posts', 'limit').required = true),
  'response-removed': (d) => delete operation(d, 'put_post').responses[201],
  'property-removed': (d) => delete d.components.schemas.Post.properties.slug,
  'required-properties-added': (d) => d.components.schemas.CreatePost.required.push('content'),
  'schema-type-changed': (d) => (d.components.schemas.Post.properties.version.type = 'string'),
  'enum-values-removed': (d) => without(parameter(d, 'list_posts', 'sort').schema.enum, 'title'),
  'schema-constraint-changed': (d) => (d.components.schemas.CreatePost.properties.title.maxLength = 100),
};

// What a release may add without a word to those who wrote clients for the one before.
const compatible = (d) => {
  operation(d, 'list_posts').parameters.push({
    name: 'author', in: 'query', description: 'Only posts by this author.', required: false, schema: { type: 'string' },
  });
  d.components.schemas.Post.properties.author = { type: 'string', description: 'Who wrote it.', example: 'Ada' };
  d.components.schemas.CreatePost.properties.author = { type: 'string', description: 'Who wrote it.', example: 'Ada' };
  operation(d, 'get_post').description = 'Said better.';
};

describe('the comparison with the released document', { concurrency: 2 }, () => {
  const compare = (released, current) => run('compare', released, current);

  test('knows each of these changes for a breaking one', async () => {
    const current = await changed('broken', ...Object.values(breaking));
    const found = await run(
      'node_modules/.bin/redocly', 'diff', join(here, '../openapi.json'), current, '--config', 'redocly.yaml', '--format', 'json',
    );
    const major = JSON.parse(found.stdout).changes.flatMap(({ verdicts }) => verdicts)
      .filter(({ impact }) => impact === 'major').map(({ ruleId }) => ruleId);
    assert.deepEqual(Object.keys(breaking).filter((rule) => !major.includes(rule)), [], major.join(' '));
  });

  for (const [released, current, passes] of [
    ['0.1.0', '0.1.1', false], ['0.1.0', '0.2.0', true],
    ['1.2.3', '1.3.0', false], ['1.2.3', '2.0.0', true],
  ]) {
    test(`${passes ? 'lets' : 'does not let'} a breaking change from ${released} to ${current} pass`, async () => {
      const result = await compare(
        await changed(`released-${released}-${current}`, version(released)),
        await changed(`current-${released}-${current}`, version(current), breaking['operation-removed']),
      );
      assert.equal(result.status === 0, passes, result.output);
      assert.match(result.output, /operation-removed/);
    });
  }

  test('lets a compatible change pass', async () => {
    const result = await compare(await changed('same'), await changed('compatible', compatible));
    assert.equal(result.status, 0, result.output);
  });

  test('fails where there is nothing to compare with', async () => {
    const result = await compare(join(directory, 'missing.json'), join(here, '../openapi.json'));
    assert.notEqual(result.status, 0, result.output);
  });
});

describe('the lint', { concurrency: 2 }, () => {
  test('by Spectral finds what goes against each rule of ours', async () => {
    const problem = (d, id, status) => operation(d, id).responses[status].content;
    const broken = {
      'operation-description': (d) => delete operation(d, 'live').description,
      'operation-operationId': (d) => delete operation(d, 'ready').operationId,
      'operation-tags': (d) => (operation(d, 'list_keys').tags = []),
      'operation-singular-tag': (d) => operation(d, 'create_key').tags.push('posts'),
      'oas3-parameter-description': (d) => delete parameter(d, 'list_posts', 'count').description,
      'tag-description': (d) => delete d.tags[0].description,
      'operation-summary': (d) => delete operation(d, 'get_docs').summary,
      'operation-id-snake-case': (d) => (operation(d, 'revoke_key').operationId = 'revokeKey'),
      'property-snake-case': (d) => (d.components.schemas.Health.properties.upSince = { type: 'string', example: 'now' }),
      'errors-are-problems': (d) => (problem(d, 'get_post', 404)['application/json'] = { schema: { type: 'object' } }),
      'errors-are-of-one-schema': (d) => (problem(d, 'get_post', 500)['application/problem+json'].schema.$ref = '#/components/schemas/Health'),
      'bodies-have-examples': (d) => delete d.components.schemas.Post.example,
      'optional-parameters-are-not-filled-in': (d) => (parameter(d, 'list_posts', 'q').example = 'rust'),
      'required-parameters-are-filled-in': (d) => delete parameter(d, 'get_post', 'id').example,
    };
    const file = await changed('unlike-spectral', ...Object.values(broken));
    const result = await run('node_modules/.bin/spectral', 'lint', file, '-r', 'spectral.yaml', '--format', 'json', '--quiet');
    const found = JSON.parse(result.stdout).map(({ code }) => code);
    assert.deepEqual(Object.keys(broken).filter((rule) => !found.includes(rule)), [], found.join(' '));
  });

  test('by Redocly finds an example that does not fit, and an answer that nobody expects', async () => {
    const file = await changed(
      'unlike-redocly',
      (d) => (d.components.schemas.Post.example.version = 'one'),
      (d) => delete operation(d, 'get_docs').responses[429],
    );
    const result = await run('node_modules/.bin/redocly', 'lint', '--config', 'redocly.yaml', file);
    assert.notEqual(result.status, 0);
    assert.match(result.output, /no-invalid-schema-examples/);
    assert.match(result.output, /operation-4xx-response/);
  });
});
