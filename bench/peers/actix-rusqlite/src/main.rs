//! A handwritten posts API with actix and rusqlite. Each worker reads inline on its own connection. All workers write
//! through one connection behind a mutex, and a write is durable before its response.

use std::cell::RefCell;
use std::env;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, ResponseError, web};
use rusqlite::{Connection, Params, Row};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Post {
    id: i64,
    slug: String,
    title: String,
    content: Option<String>,
    published: bool,
    published_at: Option<String>,
    scheduled_for: Option<String>,
    created_at: String,
    updated_at: String,
    version: i64,
}

#[derive(Serialize)]
struct Summary {
    id: i64,
    slug: String,
    title: String,
    excerpt: Option<String>,
    published: bool,
    published_at: Option<String>,
    scheduled_for: Option<String>,
    created_at: String,
    updated_at: String,
    version: i64,
}

#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ListParams {
    q: Option<String>,
    sort: Option<String>,
    view: Option<String>,
}

#[derive(Deserialize)]
struct CreatePost {
    title: String,
    content: Option<String>,
}

#[derive(Deserialize)]
struct UpdatePost {
    title: String,
}

#[derive(Debug)]
struct Error(rusqlite::Error);

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self.0 {
            rusqlite::Error::QueryReturnedNoRows => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The columns of a post. `$content` replaces the column `content`, for summaries.
macro_rules! columns {
    ($content:literal) => {
        concat!(
            "id, slug, title, ",
            $content,
            ", published, published_at, scheduled_for, created_at, updated_at, version"
        )
    };
    () => {
        columns!("content")
    };
}

/// The current time in the table's format.
macro_rules! now {
    () => {
        "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
    };
}

const PAGE: usize = 20;
const LIST: &str = concat!("SELECT ", columns!(), " FROM posts WHERE published = 1 ORDER BY id DESC LIMIT 21");
const SUMMARIES: &str =
    concat!("SELECT ", columns!("excerpt"), " FROM posts WHERE published = 1 ORDER BY id DESC LIMIT 21");
const SEARCH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM posts WHERE published = 1 ",
    "AND id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ?) ORDER BY id DESC LIMIT 21"
);
/// Posts with all words in the title come first. The rows are read for the page only.
const RANKED_SEARCH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM (SELECT * FROM (SELECT posts.id AS id, 0 AS tier FROM posts_search ",
    "JOIN posts ON posts.id = posts_search.rowid WHERE posts_search MATCH ?1 AND published = 1 ",
    "ORDER BY posts_search.rowid DESC LIMIT 21) UNION ALL ",
    "SELECT * FROM (SELECT posts.id, 1 FROM posts_search ",
    "JOIN posts ON posts.id = posts_search.rowid WHERE posts_search MATCH ?2 AND published = 1 ",
    "ORDER BY posts_search.rowid DESC LIMIT 21) ORDER BY tier, id DESC LIMIT 21) ",
    "JOIN posts USING (id) ORDER BY tier, id DESC"
);
const ONE: &str = concat!("SELECT ", columns!(), " FROM posts WHERE id = ? AND published = 1");
const CREATE: &str =
    concat!("INSERT INTO posts (slug, title, content, excerpt) VALUES (?, ?, ?, ?) RETURNING ", columns!());
const UPDATE: &str = concat!(
    "UPDATE posts SET title = ?2, updated_at = ",
    now!(),
    ", version = version + 1 WHERE id = ?1 RETURNING ",
    columns!()
);
const PUBLISH: &str = concat!(
    "UPDATE posts SET published = 1, published_at = coalesce(published_at, ",
    now!(),
    "), scheduled_for = NULL, ",
    "updated_at = ",
    now!(),
    ", version = version + 1 WHERE id = ? AND published = 0 RETURNING ",
    columns!()
);
const UNPUBLISH: &str = concat!(
    "UPDATE posts SET published = 0, updated_at = ",
    now!(),
    ", version = version + 1 ",
    "WHERE id = ? AND published = 1 RETURNING ",
    columns!()
);

fn post(row: &Row<'_>) -> rusqlite::Result<Post> {
    Ok(Post {
        id: row.get(0)?,
        slug: row.get(1)?,
        title: row.get(2)?,
        content: row.get(3)?,
        published: row.get(4)?,
        published_at: row.get(5)?,
        scheduled_for: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        version: row.get(9)?,
    })
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let Post { id, slug, title, content, published, published_at, scheduled_for, created_at, updated_at, version } =
        post(row)?;
    let excerpt = content;
    Ok(Summary { id, slug, title, excerpt, published, published_at, scheduled_for, created_at, updated_at, version })
}

fn open() -> Connection {
    let path = env::var("SQLITE_FILE").expect("SQLITE_FILE is set");
    let connection = Connection::open(path).expect("the file opens");
    for (name, value) in [("busy_timeout", "5000"), ("journal_mode", "WAL"), ("synchronous", "FULL")] {
        connection.pragma_update(None, name, value).expect("SQLite knows the pragma");
    }
    connection
}

thread_local! {
    static READER: RefCell<Connection> = RefCell::new(open());
}

fn read<T>(
    statement: &'static str,
    params: impl Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    READER.with_borrow(|reader| reader.prepare_cached(statement)?.query_map(params, row)?.collect())
}

type Writer = web::Data<Mutex<Connection>>;

/// Changes a row and returns it. Runs on the blocking pool, so that flushing to disk does not block reads.
async fn write(writer: Writer, statement: &'static str, params: impl Params + Send + 'static) -> Result<Post, Error> {
    let written = web::block(move || {
        let mut writer = writer.lock().expect("no writer panicked");
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let written = transaction.prepare_cached(statement)?.query_row(params, post)?;
        transaction.commit()?;
        Ok::<_, rusqlite::Error>(written)
    });
    Ok(written.await.expect("the write was not cancelled")?)
}

async fn list(params: web::Query<ListParams>) -> Result<HttpResponse, Error> {
    if let Some(q) = &params.q {
        // Quotes each word, so that FTS5 does not parse it as an operator.
        let words = q.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', ""))).collect::<Vec<_>>();
        let query = words.join(" ");
        let found = if params.sort.as_deref() == Some("relevance") {
            let title = format!("{{title}} : ({query})");
            let other = format!("({query}) NOT ({title})");
            read(RANKED_SEARCH, [title, other], post)?
        } else {
            read(SEARCH, [query], post)?
        };
        return Ok(HttpResponse::Ok().json(page(found, |post| post.id)));
    }
    if params.view.as_deref() == Some("summary") {
        return Ok(HttpResponse::Ok().json(page(read(SUMMARIES, [], summary)?, |post| post.id)));
    }
    Ok(HttpResponse::Ok().json(page(read(LIST, [], post)?, |post| post.id)))
}

/// The queries read one row more than a page, which shows whether there is another page.
fn page<T>(mut items: Vec<T>, id: impl Fn(&T) -> i64) -> Page<T> {
    let more = items.len() > PAGE;
    items.truncate(PAGE);
    Page { next_cursor: items.last().filter(|_| more).map(|last| id(last).to_string()), items }
}

async fn one(id: web::Path<i64>) -> Result<HttpResponse, Error> {
    let found = READER.with_borrow(|reader| reader.prepare_cached(ONE)?.query_row([*id], post))?;
    Ok(HttpResponse::Ok().json(found))
}

async fn create(writer: Writer, given: web::Json<CreatePost>) -> Result<HttpResponse, Error> {
    let CreatePost { title, content } = given.into_inner();
    let excerpt = excerpt(content.as_deref().unwrap_or_default()).to_owned();
    let post = write(writer, CREATE, (slug(&title), title, content, excerpt)).await?;
    Ok(HttpResponse::Created().json(post))
}

async fn update(writer: Writer, id: web::Path<i64>, given: web::Json<UpdatePost>) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(write(writer, UPDATE, (*id, given.into_inner().title)).await?))
}

async fn publish(writer: Writer, id: web::Path<i64>) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(write(writer, PUBLISH, [*id]).await?))
}

async fn unpublish(writer: Writer, id: web::Path<i64>) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(write(writer, UNPUBLISH, [*id]).await?))
}

/// Joins the title's letters and digits with dashes and appends eight random hexadecimal digits.
fn slug(title: &str) -> String {
    let mut slug = String::with_capacity(title.len() + 9);
    for character in title.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let random = getrandom::u32().expect("the system has random numbers");
    let _ = write!(slug, "-{random:08x}");
    slug.replace("--", "-")
}

/// Returns at most 200 characters, cut at a word boundary.
fn excerpt(content: &str) -> &str {
    match content.char_indices().nth(200) {
        None => content,
        Some((end, _)) => content[..end].rsplit_once(' ').map_or(&content[..end], |(head, _)| head),
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = env::var("PORT").expect("PORT is set").parse().expect("PORT is a number");
    let writer: Writer = Arc::new(Mutex::new(open())).into();
    HttpServer::new(move || {
        App::new()
            .app_data(writer.clone())
            .route("/api/posts", web::get().to(list))
            .route("/api/posts", web::post().to(create))
            .route("/api/posts/{id}", web::get().to(one))
            .route("/api/posts/{id}", web::patch().to(update))
            .route("/api/posts/{id}/publish", web::post().to(publish))
            .route("/api/posts/{id}/unpublish", web::post().to(unpublish))
    })
    .bind(("127.0.0.1", port))?
    .run()
    .await
}
