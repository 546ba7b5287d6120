// Uses the package in Cloudflare Workers, and responds with 'passed'.
import { createPostsClient, PostsApiError, verifyWebhook, WebhookVerificationError } from './index.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export default {
  async fetch(request, { BASE_URL: baseUrl, API_KEY: apiKey }) {
    try {
      const event = await verifyWebhook(await request.text(), request.headers, SECRET);
      const client = createPostsClient({ baseUrl, apiKey });
      const { id } = await client.posts.create({ title: event.type, published: true });
      for await (const { items, published } of client.changes.follow({ view: 'summary' })) {
        if (items[0].post.title !== event.type || !published.has(id))
          return new Response('wrong changes', { status: 500 });
        break;
      }
      const missing = await client.posts.get(id + 1).catch((error) => error);
      return new Response(missing instanceof PostsApiError ? 'passed' : 'no PostsApiError');
    } catch (error) {
      if (error instanceof WebhookVerificationError) return new Response(error.code, { status: 400 });
      return new Response(error.stack, { status: 500 });
    }
  },
};
