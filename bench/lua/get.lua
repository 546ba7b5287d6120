-- Repeats a GET of wrk's URL, with the headers of its command line.
require("common")
