"""Models and requests, generated from the OpenAPI document. Do not edit: run `./generate`."""
