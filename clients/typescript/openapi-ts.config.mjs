export default {
  input: '../../openapi/openapi.json',
  output: { path: 'src/generated', module: { extension: '.js' } },
  parser: { filters: { tags: { include: ['posts', 'keys'] } } },
  plugins: ['@hey-api/typescript'],
  logs: { file: false },
};
