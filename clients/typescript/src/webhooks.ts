import type { Api, Call } from './api.js';
import { currentETag, storeETag } from './etag.js';
import type * as generated from './generated/index.js';
import { idempotencyKey } from './idempotency.js';
import type { CallOptions, ChangeOptions, CreateOptions } from './options.js';

/** Where deliveries of a webhook continue. */
export type ReplayStart =
  /** A cursor of the change feed, the `webhook-id` of a request, or `now`. The changes after it are delivered. */
  | { cursor: string; since?: undefined }
  /** A time in the past. The changes at this time and later are delivered. Strings are RFC 3339. */
  | { since: string | Date; cursor?: undefined };

export interface RotateOptions extends ChangeOptions {
  /** Whether the previous secret expires at once. Default: both secrets sign the requests for 24 hours. */
  expirePrevious?: boolean | undefined;
}

/** Operations on webhooks. All of them require a key with the role `admin`. */
export class Webhooks {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Lists the webhooks, oldest first, without their secrets and the values of their headers. */
  async list(options: CallOptions = {}): Promise<generated.Webhooks> {
    return (await this.#api.send<generated.Webhooks>('GET', '/api/webhooks', options)).data;
  }

  /**
   * Gets a webhook.
   *
   * @throws PostsApiError `not_found` (404).
   */
  async get(id: number, options: CallOptions = {}): Promise<generated.Webhook> {
    return storeETag(await this.#api.send<generated.Webhook>('GET', webhookPath(id), options));
  }

  /**
   * Creates a webhook, which announces the changes of published posts from now on. Only `url` is required.
   *
   * @returns The webhook. Store its `secret` now, for `verifyWebhook`: the service cannot return it again.
   * @throws PostsApiError `validation_failed` (422), or `too_many_webhooks` (409) if there are 50.
   */
  async create(webhook: generated.CreateWebhook, options: CreateOptions = {}): Promise<generated.CreatedWebhook> {
    const call = { headers: idempotencyKey(options), body: webhook };
    return storeETag(await this.#api.send<generated.CreatedWebhook>('POST', '/api/webhooks', options, call));
  }

  /**
   * Updates a webhook with a JSON Merge Patch (RFC 7396): omitted fields keep their value, null restores the default.
   *
   * @throws PostsApiError `not_found` (404), `validation_failed` (422), or `precondition_failed` (412).
   */
  async update(id: number, patch: generated.UpdateWebhook, options: ChangeOptions = {}): Promise<generated.Webhook> {
    const call = { body: patch, isIdempotent: false };
    return storeETag(await this.#change<generated.Webhook>('PATCH', webhookPath(id), options, call));
  }

  /**
   * Deletes a webhook. A request in progress may still arrive.
   *
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async delete(id: number, options: ChangeOptions = {}): Promise<void> {
    await this.#change<undefined>('DELETE', webhookPath(id), options);
  }

  /**
   * Replaces the secret of a webhook. For 24 hours, the new and the previous secret sign each request.
   *
   * @returns The new secret, and until when the previous one is valid.
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async rotate(id: number, options: RotateOptions = {}): Promise<generated.RotatedSecret> {
    const { expirePrevious } = options;
    const body = expirePrevious === undefined ? {} : { body: { expire_previous: expirePrevious } };
    const call = { ...body, isIdempotent: false };
    return (await this.#change<generated.RotatedSecret>('POST', `${webhookPath(id)}/rotate`, options, call)).data;
  }

  /**
   * Moves a webhook to a position of the change feed, and delivers the changes after it, including those that were
   * delivered before. `{ cursor: 'now' }` skips the changes that have not been delivered.
   *
   * @throws PostsApiError `cursor_expired` (410) if the feed no longer contains all changes after the position.
   */
  async replay(id: number, start: ReplayStart, options: ChangeOptions = {}): Promise<generated.Webhook> {
    const body = start.since instanceof Date ? { since: start.since.toISOString() } : start;
    const call = { body, isIdempotent: false };
    return storeETag(await this.#change<generated.Webhook>('POST', `${webhookPath(id)}/replay`, options, call));
  }

  /**
   * Sends a signed test request to a webhook.
   *
   * @returns The result, after up to 15 seconds. A failed request is also a result, not an error.
   */
  async test(id: number, options: CallOptions = {}): Promise<generated.WebhookTestResult> {
    const call = { isIdempotent: false };
    return (await this.#api.send<generated.WebhookTestResult>('POST', `${webhookPath(id)}/test`, options, call)).data;
  }

  /** Lists the latest requests to a webhook, newest first: at most 200, of at most 7 days. */
  async attempts(id: number, options: CallOptions = {}): Promise<generated.WebhookAttempts> {
    return (await this.#api.send<generated.WebhookAttempts>('GET', `${webhookPath(id)}/attempts`, options)).data;
  }

  async #change<T>(method: string, url: string, options: ChangeOptions, call: Call = {}) {
    const { ifMatch, signal, headers, fetchOptions } = options;
    const read = (id: number): Promise<generated.Webhook> => this.get(id, { signal, headers, fetchOptions });
    const etag = ifMatch === undefined ? undefined : await currentETag(ifMatch, { method, url }, read);
    return this.#api.send<T>(method, url, options, { ...call, headers: { ...call.headers, 'If-Match': etag } });
  }
}

function webhookPath(id: number): string {
  return `/api/webhooks/${encodeURIComponent(id)}`;
}
