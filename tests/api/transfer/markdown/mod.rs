//! Import and export of Markdown files.

mod export;
mod generators;
mod hiding;
mod hostile;
mod repeated;
mod replace;
mod round_trip;
mod states;
mod unusual;
mod walk;

use std::fs;

use serde_json::{Value, json};

use crate::support::program::{ProgramOutput, Sandbox};

/// Writes files, with their folders.
fn write_files(sandbox: &Sandbox, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = sandbox.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn import(sandbox: &Sandbox, arguments: &[&str]) -> ProgramOutput {
    sandbox.run(&[&["import", "--format", "markdown"], arguments].concat())
}

/// All stored posts, without the fields that a Markdown file does not have.
fn stored(sandbox: &Sandbox) -> Vec<Value> {
    let mut posts = lines(&sandbox.run(&["export"]).success());
    for post in &mut posts {
        post.as_object_mut().unwrap().retain(|field, _| field != "id" && field != "version");
    }
    posts
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The stored post with this slug.
#[track_caller]
fn find<'a>(posts: &'a [Value], slug: &str) -> &'a Value {
    posts.iter().find(|post| post["slug"] == slug).unwrap_or_else(|| panic!("{slug}: {posts:#?}"))
}

/// Asserts the given fields of a post.
#[track_caller]
fn assert_fields(post: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(post.get(field).unwrap_or(&json!(null)), value, "{field} of {post:#}");
    }
}

/// The messages without the progress.
fn messages(outcome: &ProgramOutput) -> Vec<&str> {
    outcome.stderr.lines().collect()
}

/// Imports one file, and returns the stored post and the messages.
#[track_caller]
fn import_one(sandbox: &Sandbox, name: &str, text: &str) -> (Value, Vec<String>) {
    write_files(sandbox, &[(name, text)]);
    let outcome = import(sandbox, &[name]);
    let messages = messages(&outcome).into_iter().map(str::to_owned).collect();
    outcome.success();
    (stored(sandbox).pop().unwrap(), messages)
}
