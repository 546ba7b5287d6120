<?php

// Runs the scenario of README.md in the parent directory with OpenAPI Generator's PHP client.

declare(strict_types=1);

use OpenAPI\Client\Api\PostsApi;
use OpenAPI\Client\ApiException;
use OpenAPI\Client\Configuration;
use OpenAPI\Client\Model\Batch;
use OpenAPI\Client\Model\CreatePost;
use OpenAPI\Client\Model\Post;
use OpenAPI\Client\Model\Problem;
use OpenAPI\Client\Model\UpdatePost;

// Debian's packages of Guzzle.
require '/usr/share/php/GuzzleHttp/autoload.php';

// Warnings fail the test, deprecations in a later version of PHP do not.
set_error_handler(function (int $severity, string $message, string $file, int $line): bool {
    throw new ErrorException($message, 0, $severity, $file, $line);
}, E_ALL & ~E_DEPRECATED);

spl_autoload_register(function (string $class): void {
    $file = getenv('CLIENT') . '/lib/' . str_replace(['OpenAPI\\Client\\', '\\'], ['', '/'], $class) . '.php';
    if (str_starts_with($class, 'OpenAPI\\Client\\') && file_exists($file)) {
        require $file;
    }
});

function equal(mixed $actual, mixed $expected): void
{
    $is_equal = is_object($actual) ? $actual == $expected : $actual === $expected;
    if (!$is_equal) {
        throw new Exception(var_export($actual, true) . ' is not ' . var_export($expected, true));
    }
}

/** Runs one step of the scenario and prints its name. */
function step(string $name, callable $run): mixed
{
    try {
        $result = $run();
    } catch (Throwable $error) {
        fwrite(STDERR, "failed: $name\n$error\n");
        exit(1);
    }
    echo "$name\n";
    return $result;
}

/** Returns the problem of a request that must fail with this status. */
function problem(callable $request, int $status): Problem
{
    try {
        $request();
    } catch (ApiException $error) {
        equal($error->getCode(), $status);
        return $error->getResponseObject();
    }
    throw new Exception('the request succeeded');
}

function titles(array $items): array
{
    return array_map(fn ($post) => $post->getTitle(), $items);
}

$configuration = (new Configuration())->setHost(getenv('POSTS_API_URL'))->setAccessToken(getenv('POSTS_API_KEY'));
$posts = new PostsApi(config: $configuration);

$draft = step('create with a title only', function () use ($posts): Post {
    $draft = $posts->createPost(new CreatePost(['title' => 'A draft']));
    equal($draft->getSlug(), 'a-draft');
    equal($draft->getContent(), null);
    equal($draft->getPublished(), false);
    equal($draft->getTags(), []);
    return $draft;
});

$full = step('create with all fields', function () use ($posts): Post {
    $full = $posts->createPost(new CreatePost([
        'title' => 'Harbor lights',
        'slug' => 'harbor-lights',
        'description' => 'Boats at night',
        'content' => 'The boats come home.',
        'tags' => ['C++ & Rust', 'Sea'],
        'authors' => ['Ada Lovelace'],
        'image' => '/harbor.jpg',
        'image_alt' => 'A harbor',
        'metadata' => ['rating' => 5, 'places' => ['Porto']],
        'published' => true,
    ]));
    equal($full->getPublished(), true);
    equal($full->getTags(), ['C++ & Rust', 'Sea']);
    equal((array) $full->getMetadata(), ['rating' => 5, 'places' => ['Porto']]);
    return $full;
});

step('create once per idempotency key', function () use ($posts): void {
    $note = ['title' => 'Note', 'content' => 'A harbor in the rain.', 'tags' => ['Rain'], 'published' => true];
    $first = $posts->createPost(new CreatePost($note), idempotency_key: 'note');
    $second = $posts->createPost(new CreatePost($note), idempotency_key: 'note');
    equal($second->getId(), $first->getId());
});

step('create a batch', function () use ($posts): void {
    $items = [
        new CreatePost(['title' => 'One', 'published' => true]),
        new CreatePost(['title' => 'Harbor lights', 'slug' => 'harbor-lights']),
    ];
    $batch = $posts->batchCreatePosts(new Batch(['posts' => $items, 'on_conflict' => 'skip']));
    equal(array_map(fn ($item) => $item->getResult(), $batch->getItems()), ['created', 'skipped']);
});

step('get by id and by slug', function () use ($posts, $full): void {
    equal($posts->getPost($full->getId()), $full);
    equal($posts->getPostBySlug($full->getSlug()), $full);
});

step('list the full view', function () use ($posts): void {
    $items = $posts->listPosts()->getItems();
    equal(titles($items), ['One', 'Note', 'Harbor lights']);
    equal($items[2]->getContent(), 'The boats come home.');
    equal($items[2]->getExcerpt(), null);
});

step('list the summary view', function () use ($posts): void {
    $items = $posts->listPosts(view: 'summary')->getItems();
    equal($items[2]->getExcerpt(), 'Boats at night');
    equal($items[1]->getExcerpt(), 'A harbor in the rain.');
    equal($items[2]->getContent(), null);
});

step('search by relevance', function () use ($posts): void {
    equal(titles($posts->listPosts(q: 'harbor')->getItems()), ['Harbor lights', 'Note']);
});

step('filter by repeated slugs and tags', function () use ($posts): void {
    equal(titles($posts->listPosts(slug: ['harbor-lights', 'one'])->getItems()), ['One', 'Harbor lights']);
    equal(titles($posts->listPosts(tag: ['C++ & Rust', 'Rain'])->getItems()), ['Note', 'Harbor lights']);
});

step('follow cursors', function () use ($posts): void {
    $page = $posts->listPosts(limit: 2, count: 'exact');
    equal($page->getTotal(), 3);
    $titles = titles($page->getItems());
    while ($page->getNextCursor() !== null) {
        $page = $posts->listPosts(limit: 2, cursor: $page->getNextCursor());
        $titles = array_merge($titles, titles($page->getItems()));
    }
    equal($titles, ['One', 'Note', 'Harbor lights']);
});

step('update and clear fields', function () use ($posts, $full): void {
    $patch = new UpdatePost(['title' => 'Harbor lamps', 'content' => null, 'metadata' => ['rating' => null]]);
    $updated = $posts->updatePost($full->getId(), $patch);
    equal($updated->getTitle(), 'Harbor lamps');
    equal($updated->getContent(), null);
    equal((array) $updated->getMetadata(), ['places' => ['Porto']]);
    equal($updated->getDescription(), 'Boats at night');
    equal($updated->getTags(), ['C++ & Rust', 'Sea']);
});

step('reject an outdated ETag', function () use ($posts, $full): void {
    $patch = new UpdatePost(['title' => 'Lost']);
    $request = fn () => $posts->updatePost($full->getId(), $patch, if_match: '"outdated"');
    equal(problem($request, 412)->getCode(), 'precondition_failed');
});

step('publish and unpublish', function () use ($posts, $draft): void {
    equal($posts->publishPost($draft->getId())->getPublished(), true);
    equal($posts->unpublishPost($draft->getId())->getPublished(), false);
});

step('list tags', function () use ($posts): void {
    $tags = array_map(fn ($tag) => [$tag->getName(), $tag->getPosts()], $posts->listTags()->getItems());
    equal($tags, [['C++ & Rust', 1], ['Rain', 1], ['Sea', 1]]);
});

step('read a validation problem', function () use ($posts): void {
    $post = new CreatePost(['title' => 'Twice', 'tags' => ['Sea', 'SEA']]);
    $problem = problem(fn () => $posts->createPost($post), 422);
    equal($problem->getCode(), 'validation_failed');
    $errors = array_map(fn ($error) => [$error->getPointer(), $error->getCode()], $problem->getErrors());
    equal($errors, [['/tags/1', 'duplicate']]);
});

step('read a not-found problem', function () use ($posts): void {
    equal(problem(fn () => $posts->getPost(999_999), 404)->getCode(), 'not_found');
});

step('delete', function () use ($posts, $draft): void {
    $posts->deletePost($draft->getId());
    problem(fn () => $posts->getPost($draft->getId()), 404);
});
