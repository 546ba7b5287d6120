//! A page reads only index entries of published posts, and a page by name only those of its own names.
