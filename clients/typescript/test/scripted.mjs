// A service that gives the answers it was told, one after the other, and notes what it was asked.
import { createServer } from 'node:http';

/** The service's answer to an error. */
export function problem(status, code, headers = {}, more = {}) {
  const body = {
    type: `/problems/${code}`,
    title: code,
    status,
    detail: `it is ${code}`,
    code,
    request_id: 'r-1',
    ...more,
  };
  return { status, headers: { 'Content-Type': 'application/problem+json', ...headers }, body: JSON.stringify(body) };
}

export function json(body, headers = {}) {
  return { status: 200, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** The connection is closed instead of an answer. */
export const hangUp = 'hang up';
/** No answer, for as long as somebody waits. */
export const silence = 'silence';

/** The last answer is given again for as long as somebody asks. */
export async function startScripted(context, ...answers) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    if (answer === silence) return;
    if (answer === hangUp) return request.socket.destroy();
    response.writeHead(answer.status, answer.headers);
    response.write(answer.body ?? '');
    // A body that breaks off: the promised length does not come.
    if (answer.breaksOff) return request.socket.destroySoon();
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${server.address().port}`, requests };
}
