// The posts that the tests create, in addition to sample-posts.ndjson.

const MARKDOWN = `It's a *post* with "quotes", <mark>HTML</mark> and \`code "as is"\`.

# A heading

| left | right |
|---|---|
| ${'wide '.repeat(30)} | cell |

\`\`\`
${'a long line of code '.repeat(10)}
\`\`\`

\`\`\`ts
const text: string = "</code></pre><script>document.title = 'injected'</script>"; // $& & $1
\`\`\`

\`\`\`no-such-language
plain <b>code</b>
\`\`\`

![A picture](https://example.invalid/picture.png) ![A local picture](/images/bread.png) ![Bad](data:image/png;base64,AAAA)
![Bad](//example.invalid/a.png) ![Bad](a.png)

<script>document.title = 'injected'</script><p onclick="alert(1)">Plain text.</p>
<a href="javascript:alert(1)">A link</a> <img src=x onerror="document.title = 'injected'"> <a href="/blog/post-1">Post 1</a>

<pre><code class="language-js evil" style="color: red">let html = 1;</code></pre>

<style>body { display: none }</style>\u0008\u001f`;

export const RICH = {
  title: 'The "rich" post',
  content: MARKDOWN,
  image: 'https://example.invalid/rich.png',
  image_alt: 'A "rich" <picture>',
  published: true,
};

/** A word of 60 characters. */
export const WORD = 'Pneumonoultramicroscopicsilicovolcanoconiosis-antiestablishm';
const WORDS = `${WORD} \`${WORD}\` [${WORD}](/x) *${WORD}*`;
export const LONG_WORDS = {
  title: `${WORD}${WORD}`,
  description: WORD,
  tags: [WORD, `2 ${WORD}`],
  authors: [WORD],
  image: '/images/ferry.png',
  image_alt: WORD,
  content: `${WORDS}

## ${WORDS}

- ${WORDS}
- - ${WORDS}

> ${WORDS}

| ${WORDS} | ${WORDS} |
|---|---|
| ${WORDS} | ${WORDS} |

\`\`\`js
const ${WORD.replace('-', '')} = '${WORD}${WORD}';
\`\`\`

<details><summary>${WORDS}</summary>${WORDS}</details>

<table><tr><td><pre><code>${WORD}${WORD}</code></pre></td></tr></table>

<a href="https://example.invalid/${WORD}${WORD}">https://example.invalid/${WORD}${WORD}</a>`,
  published: true,
};

/** Names that a URL parser or Astro would change if they were only percent-encoded. */
export const ODD_NAMES = [
  'C++',
  'C#',
  '.',
  '..',
  '...',
  '.NET',
  'Node.js',
  'index.html',
  '.html',
  'a/b',
  '/',
  '../x',
  'a\\b',
  '?q=1&x=2',
  '50%41',
  '100%',
  '%2F',
  '~7E',
  '~',
  'a b',
  'Straße',
  'Über',
  'über',
  '日本語',
  '👩‍💻',
  '"quoted"',
  "it's",
  '<b>',
  ':',
  ';',
  '@',
  '$',
  'a,b',
  '[x]',
  '{x}',
  '|',
  '^',
  '`',
  '!',
  '*',
  '(x)',
  '404',
];
export const ODD = {
  title: 'Odd names',
  tags: ODD_NAMES,
  authors: [...ODD_NAMES.slice(0, 16), '<b>', '007', '&amp;', '1e5'],
  content: 'Text.',
  published: true,
};
