export default {
  input: '../../openapi/openapi.json',
  output: { path: 'src/generated', module: { extension: '.js' } },
  parser: { filters: { tags: { exclude: ['operations'] } } },
  plugins: ['@hey-api/typescript'],
  logs: { file: false },
};
