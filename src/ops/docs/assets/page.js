// Shows the OpenAPI document of this service with Scalar. All URLs are relative to this script, so the page works
// behind a proxy that serves it below another path.
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
  // The navigation shows every operation.
  defaultOpenAllTags: true,
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

// Corrects attributes of Scalar's form that screen readers depend on. Scalar renders parts of the page at any time.
const CORRECTIONS = [
  ['[role="combobox"]:not([aria-expanded])', (field) => field.setAttribute('aria-expanded', 'false')],
  [
    '.cm-content:not([aria-label])',
    (editor) => editor.setAttribute('aria-label', editor.isContentEditable ? 'Request body' : 'Response body'),
  ],
  ['.cm-scroller[tabindex="-1"]', (editor) => editor.setAttribute('tabindex', '0')],
  ['button[role="none"]', (button) => button.removeAttribute('role')],
  ['[data-testid="response-variant-picker"][aria-label]', (button) => button.removeAttribute('aria-label')],
  [
    'button[aria-controls]',
    (button) =>
      document.getElementById(button.getAttribute('aria-controls')) ?? button.removeAttribute('aria-controls'),
  ],
];
new MutationObserver(() => {
  for (const [selector, correct] of CORRECTIONS) document.querySelectorAll(selector).forEach(correct);
}).observe(document.body, {
  childList: true,
  subtree: true,
  attributeFilter: ['aria-controls', 'aria-label', 'role', 'tabindex'],
});
