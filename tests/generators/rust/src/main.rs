//! Runs the scenario of README.md in the parent directory with OpenAPI Generator's Rust client.

use std::env;
use std::fmt::Debug;

use posts_api_client::apis::configuration::Configuration;
use posts_api_client::apis::{Error, posts_api};
use posts_api_client::models::batch::OnConflict;
use posts_api_client::models::batch_item::Result as Outcome;
use posts_api_client::models::{Batch, CreatePost, Post, PostListItem, PostPage, Problem, UpdatePost};
use serde::Serialize;
use serde_json::json;

type Response<T, E> = Result<T, Error<E>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = Client::new();
    let draft = client.create_with_a_title_only().await;
    let full = client.create_with_all_fields().await;
    client.create_once_per_idempotency_key().await;
    client.create_a_batch().await;
    client.get_by_id_and_by_slug(&full).await;
    client.list_the_full_view().await;
    client.list_the_summary_view().await;
    client.search_by_relevance().await;
    client.filter_by_repeated_slugs_and_tags().await;
    client.follow_cursors().await;
    client.update_and_clear_fields(&full).await;
    client.reject_an_outdated_etag(&full).await;
    client.publish_and_unpublish(&draft).await;
    client.list_tags().await;
    client.read_a_validation_problem().await;
    client.read_a_not_found_problem().await;
    client.delete(&draft).await;
}

/// The parameters of a list that the scenario uses. The generated function takes them by position.
#[derive(Default)]
struct Query<'a> {
    limit: Option<i32>,
    cursor: Option<&'a str>,
    slug: Option<Vec<String>>,
    tag: Option<Vec<String>>,
    q: Option<&'a str>,
    view: Option<&'a str>,
    count: Option<&'a str>,
}

/// Returns the problem of a request that must fail with this status. The variant of the generated enum says nothing
/// about the status: the enum is untagged, so that every problem is read as the first variant.
fn problem<T: Debug, E: Debug + Serialize>(response: Response<T, E>, status: u16) -> Problem {
    let Error::ResponseError(error) = response.unwrap_err() else { panic!("no response") };
    assert_eq!(error.status.as_u16(), status, "{}", error.content);
    serde_json::from_value(serde_json::to_value(error.entity).unwrap()).unwrap()
}

fn titles(items: &[PostListItem]) -> Vec<&str> {
    items.iter().map(|post| post.title.as_str()).collect()
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

struct Client(Configuration);

impl Client {
    fn new() -> Self {
        Self(Configuration {
            base_path: env::var("POSTS_API_URL").unwrap(),
            bearer_access_token: Some(env::var("POSTS_API_KEY").unwrap()),
            ..Configuration::new()
        })
    }

    async fn list(&self, query: Query<'_>) -> PostPage {
        let Query { limit, cursor, slug, tag, q, view, count } = query;
        let (sort, published, author, if_none_match) = (None, None, None, None);
        let (published_after, published_before, updated_after, updated_before) = (None, None, None, None);
        posts_api::list_posts(
            &self.0, limit, cursor, sort, published, slug, tag, author, published_after, published_before,
            updated_after, updated_before, q, view, count, if_none_match,
        )
        .await
        .unwrap()
    }

    async fn create(&self, post: CreatePost) -> Post {
        posts_api::create_post(&self.0, post, None).await.unwrap()
    }

    async fn create_with_a_title_only(&self) -> Post {
        let draft = self.create(CreatePost::new("A draft".into())).await;
        assert_eq!(draft.slug, "a-draft");
        assert_eq!(draft.content, None);
        assert!(!draft.published);
        assert!(draft.tags.is_empty());
        println!("create with a title only");
        draft
    }

    async fn create_with_all_fields(&self) -> Post {
        let full = self
            .create(CreatePost {
                title: "Harbor lights".into(),
                slug: Some(Some("harbor-lights".into())),
                description: Some(Some("Boats at night".into())),
                content: Some(Some("The boats come home.".into())),
                tags: Some(Some(strings(&["C++ & Rust", "Sea"]))),
                authors: Some(Some(strings(&["Ada Lovelace"]))),
                image: Some(Some("/harbor.jpg".into())),
                image_alt: Some(Some("A harbor".into())),
                metadata: Some(serde_json::from_value(json!({"rating": 5, "places": ["Porto"]})).unwrap()),
                published: Some(true),
            })
            .await;
        assert!(full.published);
        assert_eq!(full.tags, ["C++ & Rust", "Sea"]);
        assert_eq!(json!(full.metadata), json!({"rating": 5, "places": ["Porto"]}));
        println!("create with all fields");
        full
    }

    async fn create_once_per_idempotency_key(&self) {
        let note = CreatePost {
            content: Some(Some("A harbor in the rain.".into())),
            tags: Some(Some(strings(&["Rain"]))),
            published: Some(true),
            ..CreatePost::new("Note".into())
        };
        let first = posts_api::create_post(&self.0, note.clone(), Some("note")).await.unwrap();
        let second = posts_api::create_post(&self.0, note, Some("note")).await.unwrap();
        assert_eq!(second.id, first.id);
        println!("create once per idempotency key");
    }

    async fn create_a_batch(&self) {
        let one = CreatePost { published: Some(true), ..CreatePost::new("One".into()) };
        let existing =
            CreatePost { slug: Some(Some("harbor-lights".into())), ..CreatePost::new("Harbor lights".into()) };
        let batch = Batch { on_conflict: Some(OnConflict::Skip), ..Batch::new(vec![one, existing]) };
        let response = posts_api::batch_create_posts(&self.0, batch, None).await.unwrap();
        let outcomes: Vec<_> = response.items.iter().map(|item| item.result).collect();
        assert_eq!(outcomes, [Outcome::Created, Outcome::Skipped]);
        println!("create a batch");
    }

    async fn get_by_id_and_by_slug(&self, full: &Post) {
        assert_eq!(&posts_api::get_post(&self.0, full.id, None).await.unwrap(), full);
        assert_eq!(&posts_api::get_post_by_slug(&self.0, &full.slug, None).await.unwrap(), full);
        println!("get by id and by slug");
    }

    async fn list_the_full_view(&self) {
        let items = self.list(Query::default()).await.items;
        assert_eq!(titles(&items), ["One", "Note", "Harbor lights"]);
        assert_eq!(items[2].content, Some(Some("The boats come home.".into())));
        assert_eq!(items[2].excerpt, None);
        println!("list the full view");
    }

    async fn list_the_summary_view(&self) {
        let items = self.list(Query { view: Some("summary"), ..Query::default() }).await.items;
        assert_eq!(items[2].excerpt.as_deref(), Some("Boats at night"));
        assert_eq!(items[1].excerpt.as_deref(), Some("A harbor in the rain."));
        assert_eq!(items[2].content, None);
        println!("list the summary view");
    }

    async fn search_by_relevance(&self) {
        let items = self.list(Query { q: Some("harbor"), ..Query::default() }).await.items;
        assert_eq!(titles(&items), ["Harbor lights", "Note"]);
        println!("search by relevance");
    }

    async fn filter_by_repeated_slugs_and_tags(&self) {
        let slug = Some(strings(&["harbor-lights", "one"]));
        let by_slug = self.list(Query { slug, ..Query::default() }).await.items;
        assert_eq!(titles(&by_slug), ["One", "Harbor lights"]);
        let tag = Some(strings(&["C++ & Rust", "Rain"]));
        let by_tag = self.list(Query { tag, ..Query::default() }).await.items;
        assert_eq!(titles(&by_tag), ["Note", "Harbor lights"]);
        println!("filter by repeated slugs and tags");
    }

    async fn follow_cursors(&self) {
        let mut page = self.list(Query { limit: Some(2), count: Some("exact"), ..Query::default() }).await;
        assert_eq!(page.total, Some(3));
        let mut items = page.items;
        while let Some(cursor) = page.next_cursor {
            page = self.list(Query { limit: Some(2), cursor: Some(&cursor), ..Query::default() }).await;
            items.append(&mut page.items);
        }
        assert_eq!(titles(&items), ["One", "Note", "Harbor lights"]);
        println!("follow cursors");
    }

    async fn update_and_clear_fields(&self, full: &Post) {
        let patch = UpdatePost {
            title: Some("Harbor lamps".into()),
            content: Some(None),
            metadata: Some(serde_json::from_value(json!({"rating": null})).unwrap()),
            ..UpdatePost::new()
        };
        let updated = posts_api::update_post(&self.0, full.id, patch, None).await.unwrap();
        assert_eq!(updated.title, "Harbor lamps");
        assert_eq!(updated.content, None);
        assert_eq!(json!(updated.metadata), json!({"places": ["Porto"]}));
        assert_eq!(updated.description.as_deref(), Some("Boats at night"));
        assert_eq!(updated.tags, ["C++ & Rust", "Sea"]);
        println!("update and clear fields");
    }

    async fn reject_an_outdated_etag(&self, full: &Post) {
        let patch = UpdatePost { title: Some("Lost".into()), ..UpdatePost::new() };
        let response = posts_api::update_post(&self.0, full.id, patch, Some("\"outdated\"")).await;
        assert_eq!(problem(response, 412).code, "precondition_failed");
        println!("reject an outdated ETag");
    }

    async fn publish_and_unpublish(&self, draft: &Post) {
        assert!(posts_api::publish_post(&self.0, draft.id, None, None).await.unwrap().published);
        assert!(!posts_api::unpublish_post(&self.0, draft.id, None).await.unwrap().published);
        println!("publish and unpublish");
    }

    async fn list_tags(&self) {
        let tags = posts_api::list_tags(&self.0, None, None, None, None, None).await.unwrap().items;
        let tags: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), tag.posts)).collect();
        assert_eq!(tags, [("C++ & Rust", 1), ("Rain", 1), ("Sea", 1)]);
        println!("list tags");
    }

    async fn read_a_validation_problem(&self) {
        let post = CreatePost { tags: Some(Some(strings(&["Sea", "SEA"]))), ..CreatePost::new("Twice".into()) };
        let problem = problem(posts_api::create_post(&self.0, post, None).await, 422);
        assert_eq!(problem.code, "validation_failed");
        let errors = problem.errors.unwrap();
        let errors: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        assert_eq!(errors, [("/tags/1", "duplicate")]);
        println!("read a validation problem");
    }

    async fn read_a_not_found_problem(&self) {
        assert_eq!(problem(posts_api::get_post(&self.0, 999_999, None).await, 404).code, "not_found");
        println!("read a not-found problem");
    }

    async fn delete(&self, draft: &Post) {
        posts_api::delete_post(&self.0, draft.id, None).await.unwrap();
        problem(posts_api::get_post(&self.0, draft.id, None).await, 404);
        println!("delete");
    }
}
