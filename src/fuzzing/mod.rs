//! Properties of the parsers that must hold for any client input: the checks of the fuzz targets.
//!
//! The targets in `fuzz/` call them from libFuzzer, with `--cfg fuzzing`. The unit tests run them on the committed
//! corpus and on 20,000 deterministic mutations of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check fails by panicking")]

pub mod cursor;
pub mod entity_tags;
pub mod idempotency_key;
pub mod input;
pub mod query_string;
pub mod search;
pub mod slug;

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::path::Path;

    const MUTATIONS: usize = 20_000;

    /// `SplitMix64` with a fixed seed, so that every run tests the same inputs.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
        }

        /// A random range within `length`, often a short one.
        fn range(&mut self, length: usize) -> std::ops::Range<usize> {
            let start = self.below(length + 1);
            let longest = (length - start).min(1 << self.below(6));
            start..start + self.below(longest + 1)
        }
    }

    /// Replaces one to four ranges of a corpus input with nothing, a random byte, a part of another input, or the range
    /// repeated twice.
    fn mutate(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(4) {
            let range = random.range(input.len());
            let replacement = match random.below(4) {
                0 => Vec::new(),
                1 => vec![u8::try_from(random.below(256)).unwrap()],
                2 => {
                    let other = &corpus[random.below(corpus.len())];
                    other[random.range(other.len())].to_vec()
                }
                _ => input[range.clone()].repeat(2),
            };
            input.splice(range, replacement);
        }
        input
    }

    /// Decodes a line of `fuzz/corpus/TARGET.txt`. `scripts/fuzz` describes the escapes.
    fn unescape(line: &str) -> Vec<u8> {
        let mut bytes = line.bytes();
        let mut input = Vec::new();
        while let Some(byte) = bytes.next() {
            input.push(match byte {
                b'\\' => match bytes.next().unwrap() {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'x' => {
                        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                        u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    other => other,
                },
                other => other,
            });
        }
        input
    }

    fn check_corpus(target: &str, check: fn(&[u8])) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(format!("{target}.txt"));
        let corpus: Vec<Vec<u8>> = std::fs::read_to_string(file).unwrap().lines().map(unescape).collect();
        let mut random = Random(0);
        let mutations = std::iter::repeat_with(|| mutate(&mut random, &corpus)).take(MUTATIONS);
        for input in corpus.iter().cloned().chain(mutations) {
            assert!(catch_unwind(|| check(&input)).is_ok(), "{target}: b\"{}\"", input.escape_ascii());
        }
    }

    macro_rules! corpus_tests {
        ($($target:ident)+) => {$(
            #[test]
            fn $target() {
                check_corpus(stringify!($target), super::$target::check);
            }
        )+};
    }
    corpus_tests! { cursor entity_tags idempotency_key input query_string search slug }
}
