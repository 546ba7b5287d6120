// A body or an answer in JSON shows an example: of its own, of its schema, or put together from those of its parts.

const isShown = (schema, seen = new Set()) => {
  if (schema === undefined || seen.has(schema)) return false;
  const deeper = (part) => isShown(part, new Set(seen).add(schema));
  if (['example', 'examples', 'enum', 'const', 'default'].some((word) => word in schema)) return true;
  if (schema.allOf) return schema.allOf.every(deeper);
  if (schema.anyOf ?? schema.oneOf) return (schema.anyOf ?? schema.oneOf).some(deeper);
  if (schema.items) return deeper(schema.items);
  const properties = Object.values(schema.properties ?? {});
  return properties.length > 0 && properties.every(deeper);
};

export default (content) => {
  const message = 'has no example';
  return Object.entries(content)
    .filter(([type, media]) => type.endsWith('json') && !media.example && !media.examples && !isShown(media.schema))
    .map(([type]) => ({ message: `${type} ${message}` }));
};
