// Shows the OpenAPI document of this service with Scalar. All URLs are relative to this script, so the page works behind a
// proxy that serves it below another path.
const root = new URL('..', document.currentScript.src).href;

Scalar.createApiReference('#reference', {
  url: `${root}api/openapi.json`,
  servers: [{ url: root.replace(/\/$/, ''), description: 'This service' }],
  authentication: { preferredSecurityScheme: 'apiKey' },
  // In the local storage of the browser.
  persistAuth: true,
  // Without a key, Scalar sends the header without a token, which the service rejects.
  onBeforeRequest: ({ requestBuilder }) => {
    requestBuilder.security = requestBuilder.security.filter(({ value }) => value);
  },
  // The order of the document.
  orderSchemaPropertiesBy: 'preserve',
  orderRequiredPropertiesFirst: false,
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  documentDownloadType: 'direct',
  // Whatever would load from, send to, or advertise another host.
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
});
