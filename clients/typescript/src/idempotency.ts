import type { CreateOptions } from './options.js';

/** The `Idempotency-Key` of a call, which its retries repeat. */
export function idempotencyKey({ idempotencyKey }: CreateOptions) {
  return { 'Idempotency-Key': idempotencyKey ?? randomKey() };
}

/** 128 random bits in hex. `crypto.randomUUID` is only available in secure contexts (HTTPS or localhost). */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
