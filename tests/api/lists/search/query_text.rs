//! Query texts: which are accepted, and which match nothing.

use serde_json::{Value, json};

use super::{fill, path, search};
use crate::support::{Api, on_both};

#[on_both]
async fn query_without_words_matches_nothing(api: Api) {
    fill(&api, &[("post", "! * \" 京")]);
    for q in ["", " ", "\"", "\"\"", "*", "!?", "🦀", "\u{301}", "-", "\u{a0}", "\0"] {
        let page = api.get(&path(q, "count=exact")).await.json(200);
        assert_eq!(
            (&page["items"], &page["total"], &page["next_cursor"]),
            (&json!([]), &json!(0), &Value::Null),
            "{q:?}"
        );
        assert_eq!(api.get(&path(q, "count=estimated&sort=title")).await.json(200)["total"], 0);
    }
}

#[on_both]
async fn any_query_text_is_valid_syntax(api: Api) {
    fill(&api, &[("post and near not or", "column")]);
    let pieces = [
        "AND", "OR", "NOT", "NEAR", "NEAR(", "post", "title", "content", ":", "{", "}", "(", ")", "^", "*", "+", "-",
        "\"", "'", "''", "\\", "\\'", "&", "|", "!", "<->", "<2>", ":*", ":A", "%", "_", "$1", "?", ";", "--", "/*",
        "||", "|+", "|-", "\0", "\u{ffff}", "\u{202e}", "\u{345}", "İ", "ß", "京", "🦀", "\u{301}", "~", "[", "]", "#",
        "@@", "::tsquery",
    ];
    for first in pieces {
        let texts =
            pieces.iter().step_by(5).map(|second| format!("{first}{second} {second}post{first} \"{first} {second}"));
        for text in texts.chain([first.to_owned(), first.repeat(20)]) {
            for parameters in ["", "count=estimated", "sort=-title&count=exact"] {
                api.get(&path(&text, parameters)).await.expect(200);
            }
        }
    }
    assert_eq!(search(&api, "post AND NOT near OR column").await, [1]);
}

#[on_both]
async fn query_is_limited_to_500_characters_and_20_words(api: Api) {
    fill(&api, &[("post", "")]);
    for q in ["a".repeat(500), "京".repeat(500), "a ".repeat(20), "\"a\"".repeat(20), "!".repeat(500), "a* ".repeat(4)]
    {
        api.get(&path(&q, "")).await.expect(200);
    }
    let too_many_words = ["a ".repeat(21), "a-".repeat(21), "a* ".repeat(5)];
    let too_long = ["a".repeat(501), " ".repeat(501), "京".repeat(501), "a".repeat(10_000)];
    for q in too_many_words.into_iter().chain(too_long) {
        let problem = api.get(&path(&q, "")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with("q: "), "{problem}");
    }
}
