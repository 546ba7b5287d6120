//! How text is split into words: case, diacritics, separators, and scripts without spaces.

use unicode_properties::GeneralCategory::{DecimalNumber, PrivateUse, Unassigned};
use unicode_properties::GeneralCategoryGroup::Letter;
use unicode_properties::UnicodeGeneralCategory;

use super::{fill, search};
use crate::support::{Api, Engine, TestDatabase, on_both};

/// The words that SQLite indexes for a text.
fn indexed_words(text: &str) -> Vec<String> {
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

/// Fails when a later version of Unicode adds a character that is neither a letter nor a decimal digit. A new migration
/// must then list it as a separator, as `search_posts` does.
#[test]
fn sqlite_classifies_every_assigned_character() {
    let assigned = || ('\u{80}'..=char::MAX).filter(|c| !matches!(c.general_category(), Unassigned | PrivateUse));
    let is_word = |c: &char| c.general_category_group() == Letter || c.general_category() == DecimalNumber;
    let is_diacritic = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let joined =
        |characters: &mut dyn Iterator<Item = char>| characters.flat_map(|c| ['x', c, 'y', ' ']).collect::<String>();

    let separators = joined(&mut assigned().filter(|c| !is_word(c) && !is_diacritic(c)));
    assert_eq!(indexed_words(&separators), ["x", "y"]);
    let words = indexed_words(&joined(&mut assigned().filter(is_word)));
    let halves: Vec<&String> = words.iter().filter(|word| !word.starts_with('x') || !word.ends_with('y')).collect();
    assert_eq!(halves, [""; 0]);
    assert!(words.len() > 100_000 && !words.iter().any(|word| word == "x" || word == "y"));
}

#[on_both]
async fn case_and_diacritics_are_ignored(api: Api) {
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
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

#[on_both]
async fn punctuation_and_symbols_separate_words(api: Api) {
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
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

/// SQLite's own tables are those of Unicode 6.1. Also tests unassigned characters.
#[on_both]
async fn symbols_newer_than_unicode_6_1_separate_words(api: Api) {
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
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}

/// A run of characters without a space is one word, so only a prefix search matches its beginning.
#[on_both]
async fn unspaced_scripts_are_matched_by_run_and_prefix(api: Api) {
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
        assert_eq!(search(&api, q).await, expected, "{q}");
    }
}
