// Runs the build command of a site when a webhook of posts-api reports changes.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { verifyWebhook, WebhookVerificationError } from '@posts-api/client';

const { BUILD_COMMAND = 'npm run build', HOST = '127.0.0.1', PORT = '9000', WEBHOOK_SECRET = '' } = process.env;
// During a rotation, both secrets, separated by a comma.
const secrets = WEBHOOK_SECRET.split(',');
if (!secrets.every((secret) => secret.startsWith('whsec_'))) throw new Error('set WEBHOOK_SECRET to the secret of the webhook');
const MAX_BODY = 64 * 1024;

let isBuilding = false;
let isOutdated = false;

/** Starts a build. Changes during a build start exactly one more. */
function build() {
  isOutdated = isBuilding;
  if (isBuilding) return;
  isBuilding = true;
  console.log(`running ${BUILD_COMMAND}`);
  spawn(BUILD_COMMAND, { shell: true, stdio: ['ignore', 'inherit', 'inherit'] }).once('close', (code) => {
    isBuilding = false;
    console.log(code === 0 ? 'build succeeded' : `build failed with exit code ${code}`);
    if (isOutdated) build();
  });
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return response.writeHead(405, { Allow: 'POST' }).end();
  if (!(Number(request.headers['content-length']) <= MAX_BODY)) return response.writeHead(413).end();
  try {
    const event = await verifyWebhook(await buffer(request), request.headers, secrets);
    // Respond before the build: posts-api waits for 15 seconds, and then sends the request again.
    response.writeHead(202).end();
    if (event.type === 'posts.changed') build();
  } catch (error) {
    // Other errors: the client closed the connection, or the secret is not Base64.
    const [status, text] = error instanceof WebhookVerificationError ? [400, error.message] : [500, 'failed'];
    console.warn(`failed to receive a request: ${error.message}`);
    response.writeHead(status).end(text);
  }
});

// A build at the start covers the changes that were reported while this program did not run.
server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
  build();
});
