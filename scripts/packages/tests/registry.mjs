// A registry on the loopback interface that stores what `npm publish` sends. It knows no other packages.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** Starts the registry. Returns its URL, `close`, and the paths of the requests for tarballs. */
export async function startRegistry() {
  const packages = new Map();
  const tarballs = new Map();
  const downloads = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    const body = request.method === 'PUT' ? await buffer(request) : undefined;
    if (body && request.headers.authorization !== 'Bearer test') return end(response, 401, { error: 'no token' });
    if (body) return end(response, 201, publish(path, JSON.parse(body)));
    if (tarballs.has(path)) downloads.push(path);
    const found = tarballs.get(path) ?? packages.get(path);
    return found ? end(response, 200, found) : end(response, 404, { error: 'not found' });
  });

  function publish(name, { versions, _attachments: attachments, 'dist-tags': tags }) {
    const stored = packages.get(name) ?? { name, 'dist-tags': {}, versions: {} };
    Object.assign(stored['dist-tags'], tags);
    for (const [version, manifest] of Object.entries(versions)) {
      const path = `${name}/-/${version}.tgz`;
      manifest.dist.tarball = `${url}/${path}`;
      stored.versions[version] = manifest;
      const [attachment] = Object.values(attachments);
      tarballs.set(path, Buffer.from(attachment.data, 'base64'));
    }
    packages.set(name, stored);
    return { ok: true };
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, downloads, close: () => server.closeAllConnections() ?? server.close() };
}

function end(response, status, body) {
  const isBinary = Buffer.isBuffer(body);
  response.writeHead(status, { 'Content-Type': isBinary ? 'application/octet-stream' : 'application/json' });
  response.end(isBinary ? body : JSON.stringify(body));
}
