//! Words, phrases, and prefixes: which posts match, and that posts that match in the title come first.

use super::{fill, search};
use crate::support::{Api, on_both};

#[on_both]
async fn every_word_must_match_in_any_order_and_field(api: Api) {
    fill(&api, &[("red fox", "runs fast"), ("red", "fox"), ("fox", "blue"), ("reds", "foxes"), ("fox red", "")]);
    for (q, expected) in [
        ("red fox", vec![5, 1, 2]),
        ("fox red", vec![5, 1, 2]),
        ("red", vec![5, 2, 1]),
        ("runs red", vec![1]),
        ("red green", vec![]),
        ("foxes", vec![4]),
        ("red red red", vec![5, 2, 1]),
    ] {
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn quotes_match_a_phrase_within_title_or_content(api: Api) {
    fill(
        &api,
        &[("red fox", "sleeps"), ("fox red", "a red fox"), ("red", "fox"), ("red, fox!", ""), ("red big fox", "")],
    );
    for (q, expected) in [
        ("\"red fox\"", vec![4, 1, 2]),
        ("\"fox sleeps\"", vec![]),
        ("\"red fox", vec![4, 1, 2]),
        ("red-fox", vec![4, 1, 2]),
        ("\"red\" \"fox\"", vec![5, 4, 2, 1, 3]),
        ("\"a red fox\"", vec![2]),
        ("\"red fox*\"", vec![4, 1, 2]),
        ("\"fox sleep\"*", vec![]),
        ("red\"fox\"", vec![5, 4, 2, 1, 3]),
        ("\"big fox\" red", vec![5]),
    ] {
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn trailing_star_matches_a_prefix(api: Api) {
    fill(&api, &[("program", ""), ("programming", ""), ("pro gram", ""), ("aprogram", ""), ("Prógrams", "")]);
    for (q, expected) in [
        ("program*", vec![5, 2, 1]),
        ("pro*", vec![5, 3, 2, 1]),
        ("*program", vec![1]),
        ("prog*ram", vec![]),
        ("PROGRAM*", vec![5, 2, 1]),
        ("programm*", vec![2]),
        ("pro-gram*", vec![3]),
        ("program**", vec![5, 2, 1]),
        ("pro* gram*", vec![3]),
    ] {
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

/// A tsvector stores at most 255 positions per word, and none above 16,383 (PostgreSQL 15 manual, section 12.11).
#[on_both]
async fn phrase_is_found_late_in_a_long_post(api: Api) {
    let repeated = format!("{}the needle stands", "the cat ".repeat(400));
    let words: Vec<String> = (0..20_000).map(|n| format!("w{n}")).collect();
    let late = format!("{} final phrase here", words.join(" "));
    fill(&api, &[("Repeated", &repeated), ("Late", &late), ("Short", "the needle sits, final words")]);
    for (q, expected) in [
        ("\"the needle\"", vec![3, 1]),
        ("\"the needle stands\"", vec![1]),
        ("\"needle the\"", vec![]),
        ("\"cat the\"", vec![1]),
        ("\"cat cat\"", vec![]),
        ("\"final phrase\"", vec![2]),
        ("\"phrase final\"", vec![]),
        ("\"w19999 final phrase here\"", vec![2]),
        ("\"w5 w6\"", vec![2]),
        ("w19999", vec![2]),
        ("late w1", vec![2]),
        ("final-phr*", vec![2]),
        ("\"late w0\"", vec![]),
    ] {
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}
