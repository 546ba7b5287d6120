-- Nothing to do: posts_words() separates words as ICU's tables have it. SQLite's tokenizer has older ones.
SELECT;
