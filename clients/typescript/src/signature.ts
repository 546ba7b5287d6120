import type { Metadata, PostSummary } from './post.js';

/** A change of a published post, sent by a webhook with the mode `each`. */
export interface WebhookChangeEvent<M extends object = Metadata> {
  type: 'post.published' | 'post.updated' | 'post.unpublished' | 'post.deleted';
  /** When the post was changed. */
  timestamp: string;
  data: {
    id: number;
    /** The slug of the post. If it is no longer public, the last public one. */
    slug: string;
    /** The slug before this change. Null unless the change renamed the post. */
    former_slug: string | null;
    version: number;
    /** The post as it is when the request is sent. Null if it is not public. */
    post: PostSummary<M> | null;
  };
}

/** Any number of changes, sent by a webhook with the mode `burst`. */
export interface WebhookBurstEvent {
  type: 'posts.changed';
  timestamp: string;
  data: {
    /** The number of changes. */
    count: number;
    /** The position of the last change in the feed. */
    cursor: string;
  };
}

/** The request of `POST /api/webhooks/{id}/test`. */
export interface WebhookTestEvent {
  type: 'webhook.test';
  timestamp: string;
  data: { webhook_id: number };
}

export type WebhookEvent<M extends object = Metadata> = WebhookChangeEvent<M> | WebhookBurstEvent | WebhookTestEvent;

/** The headers of a request: `Headers`, an object as in Node.js, or pairs. The case of the names does not matter. */
export type WebhookHeaders =
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyWebhookOptions {
  /** The largest allowed difference between the time of the request and the current time, in seconds. Default: 300. */
  tolerance?: number | undefined;
}

/**
 * - `missing_header`: the request has no `webhook-id`, `webhook-timestamp`, or `webhook-signature`.
 * - `invalid_timestamp`: `webhook-timestamp` is not a number of seconds.
 * - `expired_timestamp`: the request is older or newer than `tolerance` allows.
 * - `invalid_signature`: no signature matches the body and one of the secrets.
 * - `invalid_body`: the body has a valid signature, but is not JSON.
 */
export type WebhookErrorCode =
  | 'missing_header'
  | 'invalid_timestamp'
  | 'expired_timestamp'
  | 'invalid_signature'
  | 'invalid_body';

/** A request that must be rejected, because it is not a webhook request of the service. */
export class WebhookVerificationError extends Error {
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WebhookVerificationError';
    this.code = code;
  }
}

const TOLERANCE = 300;
/** The version of the signatures: HMAC-SHA256. */
const VERSION = 'v1';
const PREFIX = 'whsec_';

/**
 * Verifies the signature of a webhook request (https://www.standardwebhooks.com), and returns its JSON body.
 *
 * `body` is the body as it was received: `await request.text()`, or the bytes. A body that was parsed and serialized
 * again may differ in its bytes. `secret` is the secret of the webhook, or several while it is being rotated. The
 * service may send a request more than once, with the same `webhook-id`.
 *
 * `T` is the type of the body, which is not checked. If the webhook has its own `body`, pass its type.
 *
 * @throws WebhookVerificationError if the request must be rejected: respond with 400.
 * @throws TypeError if an argument has the wrong type, such as a parsed body, or a secret is invalid.
 */
export async function verifyWebhook<T = WebhookEvent>(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  { tolerance = TOLERANCE }: VerifyWebhookOptions = {},
): Promise<T> {
  const secrets = (typeof secret === 'string' ? [secret] : checkList(secret)).map(parseSecret);
  const content = toBytes(body);
  const find = headerLookup(headers);
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => {
    const value = find(name);
    if (value) return value;
    throw new WebhookVerificationError('missing_header', `the request has no header ${name}`);
  }) as [string, string, string];
  checkTimestamp(timestamp, tolerance);

  const signed = concat(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  const expected = await Promise.all(secrets.map((key) => sign(key, signed)));
  const received = signatures.split(' ').flatMap((signature) => {
    const [version, value] = signature.split(',', 2);
    return version === VERSION && value !== undefined ? [decodeBase64(value)] : [];
  });
  // Compares all pairs, so that the time does not reveal which of them is equal.
  const matches = received.flatMap((one) => expected.map((other) => one !== undefined && isEqual(one, other)));
  if (!matches.includes(true)) {
    throw new WebhookVerificationError(
      'invalid_signature',
      'no signature matches; check that the secret is the one of this webhook and that the body is unchanged',
    );
  }
  try {
    return JSON.parse(new TextDecoder().decode(content)) as T;
  } catch (cause) {
    throw new WebhookVerificationError('invalid_body', 'the body is not JSON', { cause });
  }
}

function checkList(secrets: readonly string[]): readonly string[] {
  if (Array.isArray(secrets) && secrets.length > 0) return secrets;
  throw new TypeError('secret must be a string, or an array of at least one; is the environment variable set?');
}

/** Decodes a secret. The error does not contain it. */
function parseSecret(secret: string): Uint8Array {
  const isPrefixed = typeof secret === 'string' && secret.startsWith(PREFIX);
  const key = isPrefixed ? decodeBase64(secret.slice(PREFIX.length)) : undefined;
  if (key !== undefined && key.length > 0) return key;
  throw new TypeError(`secret must be ${PREFIX} followed by Base64, as the service returned it with the webhook`);
}

function toBytes(body: unknown): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  const type =
    body === null || body === undefined ? body : (Object.getPrototypeOf(body)?.constructor?.name ?? typeof body);
  throw new TypeError(
    `body must be the unparsed body of the request, as a string or bytes, not ${type}; ` +
      'read it with await request.text(), or with express.raw() in Express',
  );
}

/** Returns a function that finds a header by its lowercase name. */
function headerLookup(headers: WebhookHeaders): (name: string) => string | undefined {
  if (typeof headers !== 'object' || headers === null) {
    throw new TypeError('headers must be the headers of the request');
  }
  const pairs: Iterable<readonly [string, string | readonly string[] | undefined]> =
    Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
  const found = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (value !== undefined) found.set(name.toLowerCase(), typeof value === 'string' ? value : value.join(' '));
  }
  return (name) => found.get(name)?.trim();
}

function checkTimestamp(timestamp: string, tolerance: number): void {
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new WebhookVerificationError('invalid_timestamp', 'webhook-timestamp is not a number of seconds');
  }
  const age = Date.now() / 1000 - Number(timestamp);
  if (Math.abs(age) <= tolerance) return;
  const difference = `${Math.round(Math.abs(age))} s ${age > 0 ? 'old' : 'in the future'}`;
  const message = `the request is ${difference}; check the clock of this computer`;
  throw new WebhookVerificationError('expired_timestamp', message);
}

async function sign(key: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey('raw', concat(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', imported, concat(content)));
}

/** Copies the parts into one array. The buffer of a new array is not shared, which WebCrypto requires. */
function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Decodes standard Base64, with or without padding. Returns undefined if it is invalid. */
function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Compares in constant time. */
function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  return one.reduce((difference, byte, index) => difference | (byte ^ (other[index] ?? 0)), 0) === 0;
}
