#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posts_api::fuzzing::query_string::check(bytes));
