// A test server that sends prepared responses in order and records the requests.
import { createServer } from 'node:http';

/** A problem response as the service sends it. */
export function problem(status, code, headers = {}, more = {}) {
  const body = {
    type: `/problems/${code}`,
    title: code,
    status,
    detail: `details of ${code}`,
    code,
    request_id: 'r-1',
    ...more,
  };
  return { status, headers: { 'Content-Type': 'application/problem+json', ...headers }, body: JSON.stringify(body) };
}

export function json(body, headers = {}) {
  return { status: 200, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Closes the connection without a response. */
export const hangUp = 'hang up';
/** Never responds. */
export const silence = 'silence';

/** Starts the server. The last response is repeated for all further requests. */
export async function startScripted(context, ...responses) {
  const requests = [];
  const server = createServer(async (request, reply) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    const response = responses[Math.min(requests.length, responses.length) - 1];
    if (response === silence) return;
    if (response === hangUp) return request.socket.destroy();
    reply.writeHead(response.status, response.headers);
    reply.write(response.body ?? '');
    // The connection closes before the announced Content-Length is reached.
    if (response.isTruncated) return request.socket.destroySoon();
    reply.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${server.address().port}`, requests };
}
