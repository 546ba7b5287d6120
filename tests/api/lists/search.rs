//! `q`: what is found, and in which order. The same on both databases.

use serde_json::{Value, json};
use unicode_properties::GeneralCategory::{DecimalNumber, PrivateUse, Unassigned};
use unicode_properties::GeneralCategoryGroup::Letter;
use unicode_properties::UnicodeGeneralCategory;
use url::form_urlencoded::Serializer;

use crate::support::{Api, Engine, Fixture, TestDatabase, ids, on_both, report_skipped};

fn path(q: &str, rest: &str) -> String {
    let mut query = Serializer::new(rest.to_owned());
    query.append_pair("q", q);
    format!("/api/posts?{}", query.finish())
}

/// The ids of all that is found, most relevant first.
async fn found(api: &Api, q: &str) -> Vec<i64> {
    let mut page = api.get(&path(q, "limit=100&view=summary")).await.json(200);
    let mut found = ids(&page);
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = api.get(&path(q, &format!("limit=100&view=summary&cursor={cursor}"))).await.json(200);
        found.extend(ids(&page));
    }
    found
}

/// Imports published posts of these titles and contents, with ids from 1.
fn fill(api: &Api, posts: &[(&str, &str)]) {
    let post = |(id, (title, content)): (usize, &(&str, &str))| json!({"id": id + 1, "slug": format!("post-{}", id + 1), "title": title, "content": content, "published": true});
    api.server.database.import(&posts.iter().enumerate().map(post).collect::<Vec<_>>());
}

const QUERIES: &[&str] = &[
    "rust", "RUST", "async", "async await", "\"async await\"", "await async", "\"await async\"", "borrow checker",
    "\"borrow checker\"", "cargo*", "carg*", "c*", "1.0", "\"rust 1.0\"", "rust 1.0", "2024 edition",
    "\"2024 edition\"", "\"the rust team\"", "\"the rust tea\"", "C++", "f32", "u8*", "déjà", "naïve", "naive",
    "Niko Matsakis", "matsakis*", "don't", "dont", "e.g.", "foo::bar", "std::mem::swap", "println!",
    "#[derive(Debug)]", "https://www.rust-lang.org", "\"github com\"", "memory-safe", "memory safe", "not",
    "and or not", "NEAR(a b)", "title:rust", "a & b | !c", "<->", "*", "\"\"", "", "π", "日本語", "the*",
    "\"rust is\" language*", "x86_64", "--edition", "3.14", "impl*  trait", "\"impl trait\"", "zzzzzz", "survey 2018",
    "µ", "½", "ﬁ", "1st", "“quoted”", "'tis", "\"security advisory\" cargo",
];

/// Real posts, real words: what one database finds, the other finds in the same order.
#[tokio::test]
async fn both_databases_find_the_same_in_the_rust_blog() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let (Some(sqlite), Some(postgres)) = (Api::on(Engine::Sqlite), Api::on(Engine::Postgres)) else { return };
    let Ok(text) = std::fs::read_to_string(FILE) else {
        report_skipped("the search in 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent");
        return;
    };
    for api in [&sqlite, &postgres] {
        let mut conn = api.server.database.connect();
        let report =
            posts_api::transfer::import(&mut conn, text.as_bytes(), posts_api::transfer::Options::default(), |_| {})
                .unwrap();
        assert_eq!(report.imported, 750);
    }
    let mut hits = 0;
    for q in QUERIES {
        let (on_sqlite, on_postgres) = tokio::join!(found(&sqlite, q), found(&postgres, q));
        assert_eq!(on_sqlite, on_postgres, "{q}");
        hits += usize::from(!on_sqlite.is_empty());
    }
    assert!(hits > 40, "only {hits} queries find something");
}

/// The words that SQLite finds in a text.
fn words_of(text: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        term: String,
    }
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    database.execute(&format!("INSERT INTO posts_search (rowid, title) VALUES (1, '{text}')"));
    database.execute("CREATE VIRTUAL TABLE words USING fts5vocab (posts_search, row)");
    database.rows::<Row>("SELECT term FROM words").into_iter().map(|row| row.term).collect()
}

/// Fails when a later version of Unicode adds a character that is no letter and no decimal digit. A new migration must
/// then list it as a separator, as `search_posts` does.
#[test]
fn sqlite_cuts_words_where_every_assigned_character_says() {
    let assigned = || ('\u{80}'..=char::MAX).filter(|c| !matches!(c.general_category(), Unassigned | PrivateUse));
    let is_word = |c: &char| c.general_category_group() == Letter || c.general_category() == DecimalNumber;
    let is_diacritic = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let joined =
        |characters: &mut dyn Iterator<Item = char>| characters.flat_map(|c| ['x', c, 'y', ' ']).collect::<String>();

    let separators = joined(&mut assigned().filter(|c| !is_word(c) && !is_diacritic(c)));
    assert_eq!(words_of(&separators), ["x", "y"]);
    let words = words_of(&joined(&mut assigned().filter(is_word)));
    let halves: Vec<&String> = words.iter().filter(|word| !word.starts_with('x') || !word.ends_with('y')).collect();
    assert_eq!(halves, [""; 0]);
    assert!(words.len() > 100_000 && !words.iter().any(|word| word == "x" || word == "y"));
}

#[on_both]
async fn words_are_all_wanted_in_any_order_and_place(api: Api) {
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
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn quotes_make_a_phrase_within_title_or_content(api: Api) {
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
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn a_star_makes_a_prefix(api: Api) {
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
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn case_and_diacritics_do_not_matter(api: Api) {
    fill(
        &api,
        &[
            ("Café", "ÜBER"),
            ("cafe\u{301}", "uber"),
            ("CAFE", "u\u{308}ber"),
            ("Ελλάδα", "ПРИВЕТ"),
            ("Ångström", "Ñandú"),
            ("Tiếng Việt", "Ķēniņš"),
            ("straße", "Łódź"),
        ],
    );
    for (q, expected) in [
        ("cafe", vec![3, 2, 1]),
        ("CAFÉ", vec![3, 2, 1]),
        ("cafe\u{301}", vec![3, 2, 1]),
        ("über", vec![3, 2, 1]),
        ("ελλάδα", vec![4]),
        ("ΕΛΛΆΔΑ", vec![4]),
        ("привет", vec![4]),
        ("angstrom nandu", vec![5]),
        ("tieng viet", vec![6]),
        ("Kenins", vec![6]),
        ("straße", vec![7]),
        ("STRASSE", vec![]),
        ("uber*", vec![3, 2, 1]),
        ("caf\u{65}\u{301}*", vec![3, 2, 1]),
    ] {
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn other_characters_only_separate_words(api: Api) {
    fill(
        &api,
        &[
            ("std::mem::swap", "a_b x86_64 3.14"),
            ("don't", "e-mail: me@example.org"),
            ("C++ & C#", "<b>bold</b>"),
            ("one🚀two", "100% \\ / | ~"),
            ("½ ² ① Ⅷ", "nothing"),
        ],
    );
    for (q, expected) in [
        ("mem", vec![1]),
        ("std::mem", vec![1]),
        ("mem::std", vec![]),
        ("x86", vec![1]),
        ("64", vec![1]),
        ("a_b", vec![1]),
        ("3.14", vec![1]),
        ("14.3", vec![]),
        ("don't", vec![2]),
        ("don", vec![2]),
        ("mail@me", vec![2]),
        ("mail: me", vec![2]),
        ("me@example.org", vec![2]),
        ("c", vec![3]),
        ("b bold", vec![3]),
        ("two", vec![4]),
        ("100", vec![4]),
        ("100%", vec![4]),
        ("½", vec![]),
        ("②", vec![]),
        ("Ⅷ", vec![]),
    ] {
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

/// Those that Unicode has added since 6.1, of which SQLite's own tables are, and those that it has not assigned.
#[on_both]
async fn newer_symbols_separate_words_too(api: Api) {
    fill(
        &api,
        &[
            ("hello\u{20bf}", "x"),
            ("one\u{1f980}two", "x"),
            ("a\u{1f979}b", "c\u{32ff}d"),
            ("e\u{381}f", "\u{1fae8}wow\u{1fae8}"),
            ("g\u{2066}h\u{2069}i", "j\u{1fb94}k"),
            ("\u{19b0}\u{19c8}", "x"),
        ],
    );
    for (q, expected) in [
        ("hello", vec![1]),
        ("one", vec![2]),
        ("two", vec![2]),
        ("one\u{1f980}two", vec![2]),
        ("\"one two\"", vec![2]),
        ("onetwo", vec![]),
        ("a", vec![3]),
        ("b", vec![3]),
        ("c d", vec![3]),
        ("e f", vec![4]),
        ("wow", vec![4]),
        ("g h i", vec![5]),
        ("\"j k\"", vec![5]),
        ("\u{20bf}", vec![]),
        ("hello\u{20bf}", vec![1]),
        ("\u{19b0}\u{19c8}", vec![6]),
        ("\u{19b0}*", vec![6]),
    ] {
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

/// Without spaces a run of them is one word, so that its beginning is found with a star.
#[on_both]
async fn chinese_and_japanese_words_are_found_as_they_are_written(api: Api) {
    fill(&api, &[("北京 欢迎你", "你好，世界"), ("日本語の本", "カタカナ ひらがな"), ("한국어", "안녕")]);
    for (q, expected) in [
        ("北京", vec![1]),
        ("世界", vec![1]),
        ("世", vec![]),
        ("世*", vec![1]),
        ("\"你好 世界\"", vec![1]),
        ("日本語*", vec![2]),
        ("カタカナ", vec![2]),
        ("ひらがな", vec![2]),
        ("안녕", vec![3]),
        ("한국*", vec![3]),
    ] {
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn a_search_without_a_word_finds_nothing(api: Api) {
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
async fn no_text_is_a_syntax_error(api: Api) {
    fill(&api, &[("post and near not or", "column")]);
    let pieces = [
        "AND", "OR", "NOT", "NEAR", "NEAR(", "post", "title", "content", ":", "{", "}", "(", ")", "^", "*", "+", "-",
        "\"", "'", "''", "\\", "\\'", "&", "|", "!", "<->", "<2>", ":*", ":A", "%", "_", "$1", "?", ";", "--", "/*",
        "||", "|+", "|-", "\0", "\u{ffff}", "\u{202e}", "\u{345}", "İ", "ß", "京", "🦀", "\u{301}", "~", "[", "]", "#",
        "@@", "::tsquery",
    ];
    for one in pieces {
        let texts = pieces.iter().step_by(5).map(|other| format!("{one}{other} {other}post{one} \"{one} {other}"));
        for text in texts.chain([one.to_owned(), one.repeat(20)]) {
            for rest in ["", "count=estimated", "sort=-title&count=exact"] {
                api.get(&path(&text, rest)).await.expect(200);
            }
        }
    }
    assert_eq!(found(&api, "post AND NOT near OR column").await, [1]);
}

#[on_both]
async fn a_search_has_at_most_500_characters_and_20_words(api: Api) {
    fill(&api, &[("post", "")]);
    for q in ["a".repeat(500), "京".repeat(500), "a ".repeat(20), "\"a\"".repeat(20), "!".repeat(500), "a* ".repeat(4)]
    {
        api.get(&path(&q, "")).await.expect(200);
    }
    let too_much = ["a ".repeat(21), "a-".repeat(21), "a* ".repeat(5)];
    let too_long = ["a".repeat(501), " ".repeat(501), "京".repeat(501), "a".repeat(10_000)];
    for q in too_much.into_iter().chain(too_long) {
        let problem = api.get(&path(&q, "")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with("q: "), "{problem}");
    }
}

#[on_both]
async fn every_change_of_a_post_changes_what_is_found(api: Api) {
    let editor = api.editor();
    let post = api.create(json!({"title": "Old", "content": "before", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let counts = async |words: [&str; 4]| {
        let mut counts = Vec::new();
        for word in words {
            counts.push(found(&api, word).await.len());
        }
        counts
    };
    let words = ["old", "new", "before", "after"];
    assert_eq!(counts(words).await, [1, 0, 1, 0]);
    editor.patch(&path, &json!({"title": "New"})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.patch(&path, &json!({"content": "after"})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 0, 1]);
    editor.patch(&path, &json!({"content": null})).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 0, 0]);
    editor
        .put("/api/posts/by-slug/old", &json!({"title": "Old", "content": "after", "published": true}))
        .await
        .expect(200);
    assert_eq!(counts(words).await, [1, 0, 0, 1]);
    let batch = json!({"on_conflict": "replace", "posts": [{"slug": "old", "title": "New", "content": "before", "published": true}]});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.post_empty(&format!("{path}/unpublish")).await.expect(200);
    assert_eq!(counts(words).await, [0, 0, 0, 0]);
    assert_eq!(ids(&editor.get("/api/posts?q=before&published=any").await.json(200)).len(), 1);
    editor.post_empty(&format!("{path}/publish")).await.expect(200);
    assert_eq!(counts(words).await, [0, 1, 1, 0]);
    editor.delete(&path).await.expect(204);
    assert_eq!(counts(words).await, [0, 0, 0, 0]);
    assert!(ids(&editor.get("/api/posts?q=before&published=any").await.json(200)).is_empty());
}

/// PostgreSQL forgets where a word stands after 255 times and after the 16,383rd word.
#[on_both]
async fn a_phrase_far_down_in_a_long_post_is_found(api: Api) {
    let often = format!("{}the needle stands", "the cat ".repeat(400));
    let words: Vec<String> = (0..20_000).map(|n| format!("w{n}")).collect();
    let far = format!("{} final phrase here", words.join(" "));
    fill(&api, &[("Often", &often), ("Far", &far), ("Short", "the needle sits, final words")]);
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
        ("far w1", vec![2]),
        ("final-phr*", vec![2]),
        ("\"far w0\"", vec![]),
    ] {
        assert_eq!(found(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn a_content_of_nothing_but_distinct_words_can_be_stored(api: Api) {
    let letters = (0x4e00..0x9fff_u32).filter_map(char::from_u32);
    let mut content: String = letters.flat_map(|letter| [letter, ' ']).collect();
    let mut pairs = (0x4e00..0x9000_u32).filter_map(char::from_u32);
    while content.len() + 8 <= 512 * 1024 {
        let letter = pairs.next().unwrap();
        for second in ['a', 'b', 'c', 'd', 'e', 'f', 'g'] {
            if content.len() + 8 <= 512 * 1024 {
                content.extend([letter, second, ' ']);
            }
        }
    }
    let post = api.create(json!({"title": "Dictionary", "content": content, "published": true})).await;
    assert_eq!(found(&api, "dictionary").await, [post["id"].as_i64().unwrap()]);
    assert_eq!(found(&api, "一").await.len(), 1);
    let path = format!("/api/posts/{}", post["id"]);
    assert_eq!(api.get(&path).await.json(200)["content"], content);
    api.editor().patch(&path, &json!({"content": "short"})).await.expect(200);
    assert_eq!(found(&api, "一").await.len(), 0);
}
