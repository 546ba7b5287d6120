module example.com/posts-api/scenario

go 1.23

require example.com/posts-api/client v0.0.0

replace example.com/posts-api/client => ../../../target/generators/clients/go
