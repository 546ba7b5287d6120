-- Nothing to undo.
SELECT;
