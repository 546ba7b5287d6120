ALTER INDEX posts_search_title RESET (gin_pending_list_limit);
ALTER INDEX posts_search RESET (gin_pending_list_limit);
