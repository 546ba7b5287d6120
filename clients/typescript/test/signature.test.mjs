// Tests `verifyWebhook`, also against the reference implementation.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { verifyWebhook, WebhookVerificationError } from '@posts-api/client';
import { Webhook } from 'standardwebhooks';

const newSecret = () => `whsec_${randomBytes(24).toString('base64')}`;
const secret = newSecret();
const event = { type: 'posts.changed', timestamp: '2026-01-31T12:00:00.000000Z', data: { count: 3, cursor: 'eyJs' } };
const body = JSON.stringify({ ...event, note: 'ä 👩‍💻' });
const seconds = () => Math.floor(Date.now() / 1000);

/** The headers of a request as the service sends them. */
function sign(content, { id = 'msg-1', timestamp = seconds(), secrets = [secret] } = {}) {
  const signatures = secrets.map((each) => {
    const key = Buffer.from(each.slice('whsec_'.length), 'base64');
    const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(content);
    return `v1,${hmac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}

const rejection = (headers, { content = body, secrets = secret, ...options } = {}) =>
  verifyWebhook(content, headers, secrets, options).then(
    () => 'accepted',
    (error) => {
      assert(error instanceof WebhookVerificationError, error);
      assert(!error.message.includes(secret.slice(-10)), 'the secret is not shown');
      return error.code;
    },
  );

test('returns the body of a signed request', async () => {
  const verified = await verifyWebhook(body, sign(body), secret);
  assert.deepEqual(verified, JSON.parse(body));
});

test('agrees with the reference implementation', async () => {
  const reference = new Webhook(secret);
  for (const content of [body, '{}', '[]', '"\u2028"', '1']) {
    const now = new Date();
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': String(Math.floor(now / 1000)),
      'webhook-signature': reference.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', now, content),
    };
    assert.deepEqual(await verifyWebhook(content, headers, secret), JSON.parse(content));
    assert.deepEqual(reference.verify(content, sign(content)), JSON.parse(content));
  }
});

test('verifies the vector of the specification', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_614_265_330_000 });
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const verified = await verifyWebhook('{"test": 2432232314}', headers, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  assert.deepEqual(verified, { test: 2432232314 });
});

test('accepts the body as a string or as bytes', async () => {
  const bytes = new TextEncoder().encode(body);
  const padded = new Uint8Array([0, ...bytes, 0]);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  for (const content of [
    body,
    bytes,
    bytes.buffer,
    Buffer.from(body),
    padded.subarray(1, -1),
    shared,
    new DataView(bytes.buffer),
  ]) {
    assert.deepEqual(await verifyWebhook(content, sign(body), secret), JSON.parse(body));
  }
});

test('accepts headers in every form and case', async () => {
  const plain = sign(body);
  const upper = Object.fromEntries(Object.entries(plain).map(([name, value]) => [name.toUpperCase(), value]));
  const mixed = Object.fromEntries(
    Object.entries(plain).map(([name, value]) => [name.replace(/\b\w/g, (c) => c.toUpperCase()), value]),
  );
  const lists = { ...plain, 'webhook-signature': ['v1,AAAA', plain['webhook-signature']], cookie: undefined };
  for (const headers of [
    plain,
    upper,
    mixed,
    lists,
    new Headers(plain),
    new Map(Object.entries(upper)),
    Object.entries(plain),
  ]) {
    assert.equal(await rejection(headers), 'accepted');
  }
});

test('accepts the headers of a Node.js server', async (t) => {
  const outcomes = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    outcomes.push(await rejection(request.headers, { content: Buffer.concat(chunks) }));
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  await (
    await fetch(`http://127.0.0.1:${server.address().port}`, { method: 'POST', body, headers: sign(body) })
  ).text();
  assert.deepEqual(outcomes, ['accepted']);
});

test('rejects a changed request', async () => {
  const headers = sign(body);
  assert.equal(await rejection(headers), 'accepted');
  assert.equal(await rejection(headers, { content: body.replace('3', '4') }), 'invalid_signature');
  assert.equal(await rejection(headers, { content: JSON.stringify(JSON.parse(body), null, 2) }), 'invalid_signature');
  assert.equal(await rejection(headers, { secrets: newSecret() }), 'invalid_signature');
  assert.equal(await rejection({ ...headers, 'webhook-id': 'msg-2' }), 'invalid_signature');
  const earlier = String(Number(headers['webhook-timestamp']) - 1);
  assert.equal(await rejection({ ...headers, 'webhook-timestamp': earlier }), 'invalid_signature');
});

test('rejects missing headers', async () => {
  for (const name of Object.keys(sign(body))) {
    for (const value of [undefined, '', ' ', []]) {
      assert.equal(await rejection({ ...sign(body), [name]: value }), 'missing_header');
    }
  }
  assert.equal(await rejection({}), 'missing_header');
  assert.equal(await rejection(new Headers()), 'missing_header');
});

test('rejects old and future times', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 31) });
  const at = (offset, options) => rejection(sign(body, { timestamp: seconds() + offset }), options);
  for (const offset of [-300, 300]) assert.equal(await at(offset), 'accepted');
  for (const offset of [-301, 301, -1e9, 1e9]) assert.equal(await at(offset), 'expired_timestamp');
  assert.equal(await at(-3600, { tolerance: 3600 }), 'accepted');
  assert.equal(await at(-2, { tolerance: 1 }), 'expired_timestamp');
  assert.equal(await at(0, { tolerance: Number.NaN }), 'expired_timestamp');
  for (const timestamp of ['now', '', '-1', '1e9', '1.5', '0x5', '9'.repeat(400), new Date().toISOString()]) {
    const expected = timestamp === '' ? 'missing_header' : 'invalid_timestamp';
    assert.equal(await rejection(sign(body, { timestamp })), expected, timestamp);
  }
});

test('accepts one valid signature among several', async () => {
  const headers = sign(body);
  const v1 = headers['webhook-signature'];
  const other = sign(body, { secrets: [newSecret()], timestamp: headers['webhook-timestamp'] })['webhook-signature'];
  const signed = (signature) => rejection({ ...headers, 'webhook-signature': signature });
  for (const signature of [
    `${other} ${v1}`,
    `${v1} ${other}`,
    `v1a,abc ${v1}`,
    `v2,${v1.slice(3)} ${v1}`,
    `  ${v1}  `,
  ]) {
    assert.equal(await signed(signature), 'accepted', signature);
  }
  const damaged = [
    ...[other, v1.slice(3), `v2,${v1.slice(3)}`, `v1a,${v1.slice(3)}`, `V1,${v1.slice(3)}`],
    ...['v1,', 'v1', ',', 'v1,!!!', `${v1.slice(0, -5)}=`, v1.replace(',', ',A')],
  ];
  for (const signature of damaged) {
    assert.equal(await signed(signature), 'invalid_signature', signature);
  }
});

test('accepts several secrets during a rotation', async () => {
  const next = newSecret();
  assert.equal(await rejection(sign(body, { secrets: [next, secret] })), 'accepted');
  assert.equal(await rejection(sign(body), { secrets: [next, secret] }), 'accepted');
  assert.equal(
    await rejection(sign(body, { secrets: [next] }), { secrets: [secret, newSecret()] }),
    'invalid_signature',
  );
});

test('rejects a body that is not JSON after the signature', async () => {
  assert.equal(await rejection(sign('not JSON'), { content: 'not JSON' }), 'invalid_body');
  assert.equal(await rejection(sign(''), { content: '' }), 'invalid_body');
  assert.equal(await rejection(sign(body), { content: 'not JSON' }), 'invalid_signature');
});

test('mistakes of the caller throw a TypeError', async () => {
  for (const content of [
    event,
    [event],
    null,
    undefined,
    7,
    new Request('http://127.0.0.1:1'),
    Promise.resolve(body),
    Object.create(null),
  ]) {
    await assert.rejects(verifyWebhook(content, sign(body), secret), {
      name: 'TypeError',
      message: /^body must be the unparsed body/,
    });
  }
  await assert.rejects(verifyWebhook(event, sign(body), secret), /not Object; read it with await request\.text\(\)/);
  const invalid = [
    '',
    'whsec_',
    'whsec_====',
    `whsec_!${secret.slice(6)}`,
    secret.slice(6),
    secret.toUpperCase(),
    [],
    [''],
    [secret, undefined],
    undefined,
    null,
    7,
  ];
  for (const each of invalid) {
    const error = await verifyWebhook(body, sign(body), each).catch((error) => error);
    assert.equal(error.name, 'TypeError', String(each));
    assert.match(error.message, /^secret must be/);
    assert(
      typeof each !== 'string' || each.length < 10 || !error.message.includes(each.slice(-10)),
      'the secret is not shown',
    );
  }
  for (const headers of [null, undefined, 'webhook-id: a']) {
    await assert.rejects(verifyWebhook(body, headers, secret), { name: 'TypeError', message: /^headers must be/ });
  }
});
