// Checks that a JSON body has an example: its own, its schema's, or one for each part of the schema.

const hasExample = (schema, seen = new Set()) => {
  if (schema === undefined || seen.has(schema)) return false;
  const partHasExample = (part) => hasExample(part, new Set(seen).add(schema));
  if (['example', 'examples', 'enum', 'const', 'default'].some((word) => word in schema)) return true;
  if (schema.allOf) return schema.allOf.every(partHasExample);
  if (schema.anyOf ?? schema.oneOf) return (schema.anyOf ?? schema.oneOf).some(partHasExample);
  if (schema.items) return partHasExample(schema.items);
  const properties = Object.values(schema.properties ?? {});
  return properties.length > 0 && properties.every(partHasExample);
};

export default (content) => {
  const message = 'has no example';
  return Object.entries(content)
    .filter(([type, media]) => type.endsWith('json') && !media.example && !media.examples && !hasExample(media.schema))
    .map(([type]) => ({ message: `${type} ${message}` }));
};
