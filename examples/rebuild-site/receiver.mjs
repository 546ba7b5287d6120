// Runs the build command of a site when a webhook of posts-api reports changes.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { verifyWebhook, WebhookVerificationError } from '@posts-api/client';

const { BUILD_COMMAND = 'npm run build', HOST = '127.0.0.1', PORT = '9000', WEBHOOK_SECRET = '' } = process.env;
// During a rotation, both secrets, separated by a comma.
const secrets = WEBHOOK_SECRET.split(',');
if (!secrets.every((secret) => secret.startsWith('whsec_'))) {
  throw new Error('set WEBHOOK_SECRET to the secret of the webhook');
}
// The waits before a failed build is repeated, in seconds.
const retryDelays = (process.env.BUILD_RETRY_DELAYS ?? '60,300').split(',').filter(Boolean).map(Number);
if (!retryDelays.every((delay) => delay >= 0 && delay <= 86_400)) {
  throw new Error('BUILD_RETRY_DELAYS must be seconds between 0 and 86400, separated by commas');
}
const MAX_BODY = 64 * 1024;

let isBuilding = false;
let isOutdated = false;
let failures = 0;
let retry;

/** Starts a build. Changes during a build start exactly one more. */
function build() {
  clearTimeout(retry);
  isOutdated = isBuilding;
  if (isBuilding) return;
  isBuilding = true;
  console.log(`running ${BUILD_COMMAND}`);
  spawn(BUILD_COMMAND, { shell: true, stdio: ['ignore', 'inherit', 'inherit'] }).once('close', (code) => {
    isBuilding = false;
    console.log(code === 0 ? 'build succeeded' : `build failed with exit code ${code}`);
    if (isOutdated) {
      build();
    } else if (code !== 0 && failures < retryDelays.length) {
      // posts-api does not repeat the request, because the receiver has accepted it.
      const delay = retryDelays[failures];
      failures += 1;
      console.log(`will build again in ${delay} s`);
      retry = setTimeout(build, delay * 1000);
    }
  });
}

/** Returns the body, or undefined if it is too large. */
async function readBody(request) {
  const chunks = [];
  let size = 0;
  if (Number(request.headers['content-length']) > MAX_BODY) return undefined;
  // The connection has to remain open for the response.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return response.writeHead(405, { Allow: 'POST' }).end();
  try {
    const body = await readBody(request);
    if (body === undefined) return response.writeHead(413, { Connection: 'close' }).end();
    const event = await verifyWebhook(body, request.headers, secrets);
    // Respond before the build: posts-api waits for 15 seconds, and then sends the request again.
    response.writeHead(202).end();
    if (event.type !== 'posts.changed') return;
    failures = 0;
    build();
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
