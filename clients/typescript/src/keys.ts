import type { Api } from './api.js';
import type { ApiKeys, CreateApiKey, CreatedApiKey } from './generated/index.js';
import type { CallOptions } from './options.js';

/** Operations on API keys. All of them require a key with the role `admin`. */
export class Keys {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Lists the API keys that are not revoked. The response does not contain the secret `key` values.
   *
   * @throws PostsApiError `forbidden` (403) if the client's key is not an admin key.
   */
  async list(options: CallOptions = {}): Promise<ApiKeys> {
    return (await this.#api.send<ApiKeys>('GET', '/api/keys', options)).data;
  }

  /**
   * Creates an API key. The client retries this call only after a 408 or 429 response.
   *
   * @returns The new key. Store its `key` now: the service cannot return it again.
   * @throws PostsApiError `validation_failed` (422), or `forbidden` (403) if the client's key is not an admin key.
   */
  async create(key: CreateApiKey, options: CallOptions = {}): Promise<CreatedApiKey> {
    const call = { body: key, isIdempotent: false };
    return (await this.#api.send<CreatedApiKey>('POST', '/api/keys', options, call)).data;
  }

  /**
   * Revokes an API key. The service rejects the key from the next request on.
   *
   * @throws PostsApiError `not_found` (404), `last_admin_key` (409) for the last admin key, or `forbidden` (403) if the
   * client's key is not an admin key.
   */
  async revoke(id: number, options: CallOptions = {}): Promise<void> {
    await this.#api.send<undefined>('DELETE', `/api/keys/${encodeURIComponent(id)}`, options);
  }
}
