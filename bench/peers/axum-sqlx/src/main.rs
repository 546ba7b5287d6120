//! A handwritten posts API with axum and sqlx on PostgreSQL.

use std::env;
use std::fmt::Write;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

#[derive(Serialize, sqlx::FromRow)]
struct Post {
    id: i64,
    slug: String,
    title: String,
    content: Option<String>,
    published: bool,
    published_at: Option<DateTime<Utc>>,
    scheduled_for: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[derive(Serialize, sqlx::FromRow)]
struct Summary {
    id: i64,
    slug: String,
    title: String,
    excerpt: Option<String>,
    published: bool,
    published_at: Option<DateTime<Utc>>,
    scheduled_for: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
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

enum Error {
    NotFound,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::RowNotFound) { Self::NotFound } else { Self::Database(error) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Database(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
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

const PAGE: usize = 20;
const LIST: &str = concat!("SELECT ", columns!(), " FROM posts WHERE published ORDER BY id DESC LIMIT 21");
const SUMMARIES: &str =
    concat!("SELECT ", columns!("excerpt"), " FROM posts WHERE published ORDER BY id DESC LIMIT 21");
const SEARCH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM posts WHERE published AND search @@ plainto_tsquery('simple', $1) ORDER BY id DESC LIMIT 21"
);
/// Posts with all words in the title come first. The search vector has each word of the title with the prefix `|`, too.
const RANKED_SEARCH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ((SELECT ",
    columns!(),
    ", 0 AS tier FROM posts WHERE published AND search @@ $1::tsquery ORDER BY id DESC LIMIT 21) UNION ALL (SELECT ",
    columns!(),
    ", 1 FROM posts WHERE published AND search @@ $2::tsquery ORDER BY id DESC LIMIT 21)) AS page ",
    "ORDER BY tier, id DESC LIMIT 21"
);
const ONE: &str = concat!("SELECT ", columns!(), " FROM posts WHERE id = $1 AND published");
const CREATE: &str =
    concat!("INSERT INTO posts (slug, title, content, excerpt) VALUES ($1, $2, $3, $4) RETURNING ", columns!());
const UPDATE: &str = concat!(
    "UPDATE posts SET title = $2, updated_at = now(), version = version + 1 WHERE id = $1 RETURNING ",
    columns!()
);
const PUBLISH: &str = concat!(
    "UPDATE posts SET published = true, published_at = coalesce(published_at, now()), scheduled_for = NULL, ",
    "updated_at = now(), version = version + 1 WHERE id = $1 AND NOT published RETURNING ",
    columns!()
);
const UNPUBLISH: &str = concat!(
    "UPDATE posts SET published = false, updated_at = now(), version = version + 1 ",
    "WHERE id = $1 AND published RETURNING ",
    columns!()
);

async fn list(State(pool): State<PgPool>, Query(params): Query<ListParams>) -> Result<Response, Error> {
    if let Some(q) = params.q {
        let items = if params.sort.as_deref() == Some("relevance") {
            let title = tsquery(&q, "|");
            let other = format!("{} & !({title})", tsquery(&q, ""));
            sqlx::query_as(RANKED_SEARCH).bind(title).bind(other).fetch_all(&pool).await?
        } else {
            sqlx::query_as(SEARCH).bind(q).fetch_all(&pool).await?
        };
        return Ok(Json(page(items, |post: &Post| post.id)).into_response());
    }
    if params.view.as_deref() == Some("summary") {
        return Ok(
            Json(page(sqlx::query_as(SUMMARIES).fetch_all(&pool).await?, |post: &Summary| post.id)).into_response()
        );
    }
    Ok(Json(page(sqlx::query_as(LIST).fetch_all(&pool).await?, |post: &Post| post.id)).into_response())
}

/// A `tsquery` for all words of `q`, each with the prefix.
fn tsquery(q: &str, prefix: &str) -> String {
    let quoted = |word: &str| format!("'{prefix}{}'", word.to_lowercase().replace('\'', "''").replace('\\', "\\\\"));
    q.split_whitespace().map(quoted).collect::<Vec<_>>().join(" & ")
}

/// The queries read one row more than a page, which shows whether there is another page.
fn page<T>(mut items: Vec<T>, id: impl Fn(&T) -> i64) -> Page<T> {
    let more = items.len() > PAGE;
    items.truncate(PAGE);
    Page { next_cursor: items.last().filter(|_| more).map(|last| id(last).to_string()), items }
}

async fn one(State(pool): State<PgPool>, Path(id): Path<i64>) -> Result<Json<Post>, Error> {
    Ok(Json(sqlx::query_as(ONE).bind(id).fetch_one(&pool).await?))
}

async fn create(State(pool): State<PgPool>, Json(given): Json<CreatePost>) -> Result<(StatusCode, Json<Post>), Error> {
    let post = sqlx::query_as::<_, Post>(CREATE)
        .bind(slug(&given.title))
        .bind(&given.title)
        .bind(&given.content)
        .bind(excerpt(given.content.as_deref().unwrap_or_default()))
        .fetch_one(&pool)
        .await?;
    Ok((StatusCode::CREATED, Json(post)))
}

async fn update(
    State(pool): State<PgPool>,
    Path(id): Path<i64>,
    Json(given): Json<UpdatePost>,
) -> Result<Json<Post>, Error> {
    Ok(Json(sqlx::query_as(UPDATE).bind(id).bind(given.title).fetch_one(&pool).await?))
}

async fn publish(State(pool): State<PgPool>, Path(id): Path<i64>) -> Result<Json<Post>, Error> {
    Ok(Json(set_state(&pool, PUBLISH, id).await?))
}

async fn unpublish(State(pool): State<PgPool>, Path(id): Path<i64>) -> Result<Json<Post>, Error> {
    Ok(Json(set_state(&pool, UNPUBLISH, id).await?))
}

async fn set_state(pool: &PgPool, statement: &'static str, id: i64) -> Result<Post, sqlx::Error> {
    sqlx::query_as::<_, Post>(statement).bind(id).fetch_one(pool).await
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

#[tokio::main]
async fn main() {
    let url = env::var("DATABASE_URL").expect("DATABASE_URL is set");
    let port: u16 = env::var("PORT").expect("PORT is set").parse().expect("PORT is a number");
    let pool = PgPoolOptions::new().max_connections(10).connect(&url).await.expect("the database accepts connections");
    let app = Router::new()
        .route("/api/posts", get(list).post(create))
        .route("/api/posts/{id}", get(one).patch(update))
        .route("/api/posts/{id}/publish", post(publish))
        .route("/api/posts/{id}/unpublish", post(unpublish))
        .with_state(pool);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    axum::serve(listener, app).await.expect("the server runs");
}
