// Runs the scenario of README.md in the parent directory with OpenAPI Generator's Go client.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"

	client "example.com/posts-api/client"
)

var (
	ctx   = context.WithValue(context.Background(), client.ContextAccessToken, os.Getenv("POSTS_API_KEY"))
	posts *client.PostsAPIService
	step  string
)

func init() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("POSTS_API_URL")}}
	posts = client.NewAPIClient(configuration).PostsAPI
}

func main() {
	var draft, full *client.Post
	steps := []struct {
		name string
		run  func()
	}{
		{"create with a title only", func() { draft = createWithATitleOnly() }},
		{"create with all fields", func() { full = createWithAllFields() }},
		{"create once per idempotency key", createOncePerIdempotencyKey},
		{"create a batch", createABatch},
		{"get by id and by slug", func() { getByIdAndBySlug(full) }},
		{"list the full view", listTheFullView},
		{"list the summary view", listTheSummaryView},
		{"search by relevance", searchByRelevance},
		{"filter by repeated slugs and tags", filterByRepeatedSlugsAndTags},
		{"follow cursors", followCursors},
		{"update and clear fields", func() { updateAndClearFields(full) }},
		{"reject an outdated ETag", func() { rejectAnOutdatedETag(full) }},
		{"publish and unpublish", func() { publishAndUnpublish(draft) }},
		{"list tags", listTags},
		{"read a validation problem", readAValidationProblem},
		{"read a not-found problem", readANotFoundProblem},
		{"delete", func() { deletePost(draft) }},
	}
	for _, each := range steps {
		step = each.name
		each.run()
		fmt.Println(each.name)
	}
}

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		log.Panicf("%s: %#v is not %#v", step, actual, expected)
	}
}

// ok returns the result of a request that must succeed.
func ok[T any](result T, _ *http.Response, err error) T {
	if err != nil {
		log.Panicf("%s: %v", step, err)
	}
	return result
}

// problem returns the problem of a request that must fail with this status.
func problem(response *http.Response, err error, status int) client.Problem {
	var failure *client.GenericOpenAPIError
	if !errors.As(err, &failure) {
		log.Panicf("%s: not a problem: %v", step, err)
	}
	equal(response.StatusCode, status)
	return failure.Model().(client.Problem)
}

func titles(items []client.PostListItem) []string {
	titles := []string{}
	for _, post := range items {
		titles = append(titles, post.Title)
	}
	return titles
}

func createWithATitleOnly() *client.Post {
	draft := ok(posts.CreatePost(ctx).CreatePost(*client.NewCreatePost("A draft")).Execute())
	equal(draft.Slug, "a-draft")
	equal(draft.Content.Get(), (*string)(nil))
	equal(draft.Published, false)
	equal(draft.Tags, []string{})
	return draft
}

func createWithAllFields() *client.Post {
	post := client.NewCreatePost("Harbor lights")
	post.SetSlug("harbor-lights")
	post.SetDescription("Boats at night")
	post.SetContent("The boats come home.")
	post.SetTags([]string{"C++ & Rust", "Sea"})
	post.SetAuthors([]string{"Ada Lovelace"})
	post.SetImage("/harbor.jpg")
	post.SetImageAlt("A harbor")
	post.SetMetadata(map[string]any{"rating": 5, "places": []string{"Porto"}})
	post.SetPublished(true)
	full := ok(posts.CreatePost(ctx).CreatePost(*post).Execute())
	equal(full.Published, true)
	equal(full.Tags, []string{"C++ & Rust", "Sea"})
	equal(full.Metadata, map[string]any{"rating": 5.0, "places": []any{"Porto"}})
	return full
}

func createOncePerIdempotencyKey() {
	note := client.NewCreatePost("Note")
	note.SetContent("A harbor in the rain.")
	note.SetTags([]string{"Rain"})
	note.SetPublished(true)
	first := ok(posts.CreatePost(ctx).CreatePost(*note).IdempotencyKey("note").Execute())
	second := ok(posts.CreatePost(ctx).CreatePost(*note).IdempotencyKey("note").Execute())
	equal(second.Id, first.Id)
}

func createABatch() {
	one := client.NewCreatePost("One")
	one.SetPublished(true)
	existing := client.NewCreatePost("Harbor lights")
	existing.SetSlug("harbor-lights")
	batch := client.NewBatch([]client.CreatePost{*one, *existing})
	batch.SetOnConflict("skip")
	response := ok(posts.BatchCreatePosts(ctx).Batch(*batch).Execute())
	results := []string{}
	for _, item := range response.Items {
		results = append(results, item.Result)
	}
	equal(results, []string{"created", "skipped"})
}

func getByIdAndBySlug(full *client.Post) {
	equal(ok(posts.GetPost(ctx, full.Id).Execute()), full)
	equal(ok(posts.GetPostBySlug(ctx, full.Slug).Execute()), full)
}

func listTheFullView() {
	items := ok(posts.ListPosts(ctx).Execute()).Items
	equal(titles(items), []string{"One", "Note", "Harbor lights"})
	equal(items[2].GetContent(), "The boats come home.")
	equal(items[2].HasExcerpt(), false)
}

func listTheSummaryView() {
	items := ok(posts.ListPosts(ctx).View("summary").Execute()).Items
	equal(items[2].GetExcerpt(), "Boats at night")
	equal(items[1].GetExcerpt(), "A harbor in the rain.")
	equal(items[2].HasContent(), false)
}

func searchByRelevance() {
	items := ok(posts.ListPosts(ctx).Q("harbor").Execute()).Items
	equal(titles(items), []string{"Harbor lights", "Note"})
}

func filterByRepeatedSlugsAndTags() {
	bySlug := ok(posts.ListPosts(ctx).Slug([]string{"harbor-lights", "one"}).Execute())
	equal(titles(bySlug.Items), []string{"One", "Harbor lights"})
	byTag := ok(posts.ListPosts(ctx).Tag([]string{"C++ & Rust", "Rain"}).Execute())
	equal(titles(byTag.Items), []string{"Note", "Harbor lights"})
}

func followCursors() {
	page := ok(posts.ListPosts(ctx).Limit(2).Count("exact").Execute())
	equal(page.GetTotal(), int64(3))
	found := titles(page.Items)
	for page.NextCursor.Get() != nil {
		page = ok(posts.ListPosts(ctx).Limit(2).Cursor(page.GetNextCursor()).Execute())
		found = append(found, titles(page.Items)...)
	}
	equal(found, []string{"One", "Note", "Harbor lights"})
}

func updateAndClearFields(full *client.Post) {
	patch := client.NewUpdatePost()
	patch.SetTitle("Harbor lamps")
	patch.SetContentNil()
	patch.SetMetadata(map[string]any{"rating": nil})
	updated := ok(posts.UpdatePost(ctx, full.Id).UpdatePost(*patch).Execute())
	equal(updated.Title, "Harbor lamps")
	equal(updated.Content.Get(), (*string)(nil))
	equal(updated.Metadata, map[string]any{"places": []any{"Porto"}})
	equal(*updated.Description.Get(), "Boats at night")
	equal(updated.Tags, []string{"C++ & Rust", "Sea"})
}

func rejectAnOutdatedETag(full *client.Post) {
	patch := client.NewUpdatePost()
	patch.SetTitle("Lost")
	_, response, err := posts.UpdatePost(ctx, full.Id).UpdatePost(*patch).IfMatch(`"outdated"`).Execute()
	equal(problem(response, err, 412).Code, "precondition_failed")
}

func publishAndUnpublish(draft *client.Post) {
	equal(ok(posts.PublishPost(ctx, draft.Id).Execute()).Published, true)
	equal(ok(posts.UnpublishPost(ctx, draft.Id).Execute()).Published, false)
}

func listTags() {
	tags := map[string]int64{}
	for _, tag := range ok(posts.ListTags(ctx).Execute()).Items {
		tags[tag.Name] = tag.Posts
	}
	equal(tags, map[string]int64{"C++ & Rust": 1, "Rain": 1, "Sea": 1})
}

func readAValidationProblem() {
	post := client.NewCreatePost("Twice")
	post.SetTags([]string{"Sea", "SEA"})
	_, response, err := posts.CreatePost(ctx).CreatePost(*post).Execute()
	rejected := problem(response, err, 422)
	equal(rejected.Code, "validation_failed")
	equal(len(rejected.Errors), 1)
	equal(rejected.Errors[0].Pointer, "/tags/1")
	equal(rejected.Errors[0].Code, "duplicate")
}

func readANotFoundProblem() {
	_, response, err := posts.GetPost(ctx, 999_999).Execute()
	equal(problem(response, err, 404).Code, "not_found")
}

func deletePost(draft *client.Post) {
	if _, err := posts.DeletePost(ctx, draft.Id).Execute(); err != nil {
		log.Panicf("%s: %v", step, err)
	}
	_, response, err := posts.GetPost(ctx, draft.Id).Execute()
	equal(problem(response, err, 404).Code, "not_found")
}
