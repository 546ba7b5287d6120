//! Lists of 12,000 posts return the same pages as a model in memory. Short lists are read in other ways:
//! `model_check` covers these.

use posts_api::db::{Backend, Connection, Timestamp};
use posts_api::posts::list;
use posts_api::posts::list::count;
use posts_api::posts::list::item::ListItem;
use posts_api::posts::list::params::ListRequest;
use posts_api::posts::list::query::{CursorPosition, ListQuery, SortKey};

use crate::support::database::execute;
use crate::support::{TestDatabase, on_both};

const POSTS: i64 = 12_000;
const LIMIT: usize = 40;
const EPOCH: i64 = 1_600_000_000;

const SORTS: [&str; 9] =
    ["-id", "title", "-published_at", "updated_at", "relevance", "id", "-title", "published_at", "-updated_at"];

/// Time filters as minutes since [`EPOCH`]: published after and before, updated after and before. Wide, narrow, and
/// empty ranges, and combinations of these.
const TIMES: [[Option<i64>; 4]; 9] = [
    [None, None, None, None],
    [Some(-1), None, None, None],
    [None, Some(300), None, None],
    [Some(11_000), Some(11_200), None, None],
    [None, None, Some(100), None],
    [None, None, None, Some(500)],
    [Some(100), None, Some(11_900), None],
    [Some(2000), None, None, Some(10_000)],
    [None, Some(500), Some(20_000), None],
];

/// Searches as words and phrases, which all must match.
const SEARCHES: [&[&str]; 10] = [
    &[],
    &["all"],
    &["few7"],
    &["even", "odd"],
    &["early", "late"],
    &["early"],
    &["all even"],
    &["even all"],
    &["red"],
    &["title", "all"],
];

/// Tags and authors of lists: common, rare, and old ones, and some that few posts or no posts have in common.
const LABELS: [(&[&str], &[&str]); 12] = [
    (&["odd"], &[]),
    (&["rare"], &[]),
    (&["old"], &[]),
    (&["odd", "old", "rare"], &[]),
    (&[], &["ann"]),
    (&[], &["ann", "bob"]),
    (&["odd"], &["ann"]),
    (&["odd"], &["bob"]),
    (&["old"], &["ann"]),
    (&["rare"], &["bob"]),
    (&["odd", "old"], &["ann", "bob"]),
    (&["none"], &["ann"]),
];

/// The post with this id. [`fill`] computes the same in SQL.
struct Model {
    id: i64,
    title: String,
    content: String,
    published: bool,
    /// In minutes since [`EPOCH`], like `updated`. Null for some drafts.
    published_at: Option<i64>,
    updated: i64,
    tags: Vec<&'static str>,
    authors: Vec<&'static str>,
}

impl Model {
    fn new(id: i64) -> Self {
        Self {
            id,
            title: format!("Title {}{}", (id * 31) % 5000, if id % 3 == 0 { " red" } else { "" }),
            content: format!(
                "all {} {} few{}",
                if id % 2 == 0 { "even" } else { "odd" },
                if id <= POSTS / 2 { "early" } else { "late" },
                id % 100
            ),
            published: id % 10 != 0,
            published_at: (id % 20 != 0).then_some(id),
            updated: (id * 7919) % POSTS,
            tags: [("odd", id % 2 == 1), ("rare", id % 1000 == 7), ("old", id <= 2500)]
                .into_iter()
                .filter_map(|(tag, has_tag)| has_tag.then_some(tag))
                .collect(),
            authors: if id % 2 == 0 { vec!["ann"] } else { Vec::from_iter((id % 5 == 1).then_some("bob")) },
        }
    }

    fn contains(&self, term: &str) -> bool {
        let in_text = |text: &str| format!(" {} ", text.to_lowercase()).contains(&format!(" {term} "));
        in_text(&self.title) || in_text(&self.content)
    }

    fn title_contains(&self, terms: &[&str]) -> bool {
        let title = format!(" {} ", self.title.to_lowercase());
        terms.iter().all(|term| title.contains(&format!(" {term} ")))
    }

    fn has_labels(&self, (tags, authors): (&[&str], &[&str])) -> bool {
        let has_any = |labels: &[&str], requested: &[&str]| {
            requested.is_empty() || requested.iter().any(|label| labels.contains(label))
        };
        has_any(&self.tags, tags) && has_any(&self.authors, authors)
    }

    fn matches(&self, published: Option<bool>, times: [Option<i64>; 4], terms: &[&str]) -> bool {
        let [published_after, published_before, updated_after, updated_before] = times;
        published.is_none_or(|published| self.published == published)
            && published_after.is_none_or(|time| self.published_at.is_some_and(|at| at > time))
            && published_before.is_none_or(|time| self.published_at.is_some_and(|at| at < time))
            && updated_after.is_none_or(|time| self.updated > time)
            && updated_before.is_none_or(|time| self.updated < time)
            && terms.iter().all(|term| self.contains(term))
    }

    /// The position of this post as the last one of a page.
    fn position(&self, sort: &str, terms: &[&str], backwards: bool) -> CursorPosition {
        let key = match sort.trim_start_matches('-') {
            "title" => SortKey::Text(self.title.clone()),
            "published_at" => self.published_at.map_or(SortKey::Null, |at| SortKey::Time(time(at))),
            "updated_at" => SortKey::Time(time(self.updated)),
            _ => SortKey::Id,
        };
        let is_other_tier = sort == "relevance" && !self.title_contains(terms);
        CursorPosition { backwards, is_other_tier, key, id: self.id }
    }
}

fn time(minutes: i64) -> Timestamp {
    Timestamp::from_microseconds((EPOCH + minutes * 60) * 1_000_000).unwrap()
}

pub(super) fn fill(conn: &mut Connection) {
    let (numbers, time) = match &conn.backend {
        Backend::Sqlite(_) => (
            format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {POSTS})"),
            ("strftime('%Y-%m-%dT%H:%M:%S', 1600000000 + 60 * ", ", 'unixepoch') || '.000000Z'"),
        ),
        Backend::Postgres(_) => {
            (format!("WITH n (n) AS (SELECT generate_series(1, {POSTS}))"), ("to_timestamp(1600000000 + 60 * ", ")"))
        }
    };
    let time = |minutes: &str| format!("{}{minutes}{}", time.0, time.1);
    execute(
        conn,
        &format!(
            "INSERT INTO posts (id, slug, title, content, published, published_at, updated_at, tags, authors) {numbers}
             SELECT n,
             'post-' || n,
             'Title ' || ((n * 31) % 5000) || CASE WHEN n % 3 = 0 THEN ' red' ELSE '' END,
             'all ' || CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END
                 || CASE WHEN n <= {POSTS} / 2 THEN ' early' ELSE ' late' END || ' few' || (n % 100),
             n % 10 <> 0, CASE WHEN n % 20 <> 0 THEN {} END, {},
             '[' || substr(CASE WHEN n % 2 = 1 THEN ',\"odd\"' ELSE '' END
                 || CASE WHEN n % 1000 = 7 THEN ',\"Rare\"' ELSE '' END
                 || CASE WHEN n <= 2500 THEN ',\"OLD\"' ELSE '' END, 2) || ']',
             CASE WHEN n % 2 = 0 THEN '[\"Ann\"]' WHEN n % 5 = 1 THEN '[\"Bob\"]' ELSE '[]' END FROM n",
            time("n"),
            time(&format!("((n * 7919) % {POSTS})")),
        ),
    );
    execute(conn, "ANALYZE");
}

fn sort(posts: &mut [&Model], sort: &str, terms: &[&str]) {
    match sort.trim_start_matches('-') {
        "id" => posts.sort_by_key(|post| post.id),
        "title" => posts.sort_by_key(|post| (&post.title, post.id)),
        "published_at" => posts.sort_by_key(|post| (post.published_at, post.id)),
        "updated_at" => posts.sort_by_key(|post| (post.updated, post.id)),
        _ => posts.sort_by_key(|post| (!post.title_contains(terms), -post.id)),
    }
    if sort.starts_with('-') {
        posts.reverse();
    }
}

fn parse(
    sort: &str,
    published: &str,
    times: [Option<i64>; 4],
    terms: &[&str],
    (tags, authors): (&[&str], &[&str]),
) -> ListQuery {
    let mut text = url::form_urlencoded::Serializer::new(format!("limit={LIMIT}&view=summary"));
    text.append_pair("sort", sort).append_pair("published", published);
    let names = ["published_after", "published_before", "updated_after", "updated_before"];
    text.extend_pairs(names.iter().zip(times).filter_map(|(name, at)| Some((name, time(at?).to_string()))));
    text.extend_pairs(tags.iter().map(|tag| ("tag", tag)));
    text.extend_pairs(authors.iter().map(|author| ("author", author)));
    if !terms.is_empty() {
        text.append_pair("q", &terms.iter().map(|term| format!("\"{term}\"")).collect::<Vec<_>>().join(" "));
    }
    ListRequest::parse(&text.finish()).unwrap().query
}

/// Checks the first page, and the pages before and after a post in the middle of the list.
fn check(conn: &mut Connection, posts: &[&Model], query: &mut ListQuery, name: &str, terms: &[&str], text: &str) {
    let ids = |posts: &[&Model]| posts.iter().map(|post| post.id).collect::<Vec<i64>>();
    let mut read = |query: &ListQuery| -> Vec<i64> {
        let id = |item: ListItem| item.id;
        list::read_page(conn, query, list::MAX_PAGE_CONTENT).unwrap().items.into_iter().map(id).collect()
    };
    assert_eq!(read(query), ids(&posts[..posts.len().min(LIMIT)]), "first page: {text}");
    let middle = posts.len() / 2;
    let Some(post) = posts.get(middle) else { return };
    query.position = Some(post.position(name, terms, false));
    let after = &posts[middle + 1..];
    assert_eq!(read(query), ids(&after[..after.len().min(LIMIT)]), "page after {}: {text}", post.id);
    query.position = Some(post.position(name, terms, true));
    assert_eq!(read(query), ids(&posts[middle.saturating_sub(LIMIT)..middle]), "page before {}: {text}", post.id);
}

#[on_both]
async fn long_lists_match_the_model(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let models: Vec<Model> = (1..=POSTS).map(Model::new).collect();
    let mut rotation = 0;
    let lists = TIMES.into_iter().flat_map(|times| SEARCHES.map(|terms| (times, terms)));
    for (times, terms) in lists {
        for labels in [(&[][..], &[][..]), LABELS[rotation % LABELS.len()]] {
            rotation += 1;
            let sorts = SORTS.iter().cycle().skip(rotation).filter(|sort| **sort != "relevance" || !terms.is_empty());
            let published = ["true", "true", "any", "false"][rotation / 2 % 4];
            let is_published = published.parse::<bool>().ok();
            let is_match = |post: &&Model| post.matches(is_published, times, terms) && post.has_labels(labels);
            let matching: Vec<&Model> = models.iter().filter(is_match).collect();
            for name in sorts.take(3) {
                let text = format!("sort={name} published={published} {times:?} {terms:?} {labels:?}");
                let mut expected = matching.clone();
                sort(&mut expected, name, terms);
                let mut query = parse(name, published, times, terms, labels);
                check(&mut conn, &expected, &mut query, name, terms, &text);
            }
            let query = parse("-id", published, times, terms, labels);
            let total = count::total(&mut conn, &query.filter, count::Count::Exact, None).unwrap().unwrap();
            assert_eq!(
                (usize::try_from(total.posts).unwrap(), total.is_estimate),
                (matching.len(), false),
                "{published} {times:?} {terms:?} {labels:?}"
            );
        }
    }
}

#[on_both]
async fn pages_of_every_sort_and_label_match_the_model(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let models: Vec<Model> = (1..=POSTS).map(Model::new).collect();
    for labels in LABELS {
        for (index, name) in SORTS.iter().enumerate().filter(|(_, name)| **name != "relevance") {
            let published = ["true", "any", "false"][index % 3];
            let is_match =
                |post: &&Model| post.matches(published.parse().ok(), [None; 4], &[]) && post.has_labels(labels);
            let mut expected: Vec<&Model> = models.iter().filter(is_match).collect();
            sort(&mut expected, name, &[]);
            let text = format!("sort={name} published={published} {labels:?}");
            check(&mut conn, &expected, &mut parse(name, published, [None; 4], &[], labels), name, &[], &text);
        }
    }
}

#[on_both]
async fn estimated_total_of_a_search_is_close(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for (terms, expected) in
        [(&["all"][..], 10_001..12_000), (&["title", "all"][..], 10_001..12_000), (&["red"][..], 3600..3601)]
    {
        let query = parse("-id", "true", [None; 4], terms, (&[], &[]));
        let total = count::total(&mut conn, &query.filter, count::Count::Estimated, None).unwrap().unwrap();
        assert_eq!(total.is_estimate, total.posts > 10_000);
        assert!(expected.contains(&total.posts), "{terms:?}: {total:?}");
    }
}
