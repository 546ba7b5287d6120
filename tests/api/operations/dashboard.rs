//! The Grafana dashboard, the alerts, and the operations document name only metrics that exist.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::operations::metrics::{start, text};
use crate::support::{Engine, TestDatabase};

/// The names of metrics in a `PromQL` expression.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("posts_api_")).map(str::to_owned).collect()
}

/// The metrics in the third column of the document's table of failures, which omits their common prefix.
fn names_in_failures(document: &str) -> BTreeSet<String> {
    let table = document.split("\n## Failures\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let column =
        table.lines().filter(|line| line.starts_with("| ")).skip(1).map(|row| row.split(" | ").nth(2).unwrap());
    let words = column.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(|word| format!("posts_api_{}", word.split([' ', '{']).next().unwrap())).collect()
}

/// Collects the strings with this key at any depth.
fn collect_strings<'a>(value: &'a Value, key: &str, strings: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == key => strings.push(text),
            value => collect_strings(value, key, strings),
        }),
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, key, strings)),
        _ => {}
    }
}

#[tokio::test]
async fn dashboard_alerts_and_documents_name_existing_metrics() {
    let api = start(TestDatabase::create(Engine::Sqlite).unwrap());
    api.get("/api/posts").await.expect(200);
    let text = text(&api).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let existing: BTreeSet<String> = types
        .flat_map(|(name, kind)| {
            let suffixes: &[&str] = match kind {
                "counter" => &["_total"],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
        })
        .collect();
    let dashboard: Value = serde_json::from_str(include_str!("../../../deploy/grafana/posts-api.json")).unwrap();
    let mut expressions = Vec::new();
    collect_strings(&dashboard, "expr", &mut expressions);
    collect_strings(&dashboard, "query", &mut expressions);
    let alerts: Vec<&str> = include_str!("../../../deploy/prometheus/alerts.yml").lines().collect();
    let from_dashboard: BTreeSet<String> = expressions.iter().flat_map(|expression| names(expression)).collect();
    let from_alerts: BTreeSet<String> = alerts.iter().flat_map(|line| names(line)).collect();
    assert!(from_dashboard.len() > 20 && from_alerts.len() > 5, "{from_dashboard:?} {from_alerts:?}");
    let from_document = names_in_failures(include_str!("../../../docs/operate/runbook.md"));
    assert!(from_document.len() > 8, "{from_document:?}");
    let used: BTreeSet<_> = [&from_dashboard, &from_alerts, &from_document].into_iter().flatten().collect();
    // The document names a histogram without a suffix.
    let is_existing = |name: &String| existing.contains(name) || existing.contains(&format!("{name}_bucket"));
    let unknown: Vec<_> = used.iter().filter(|name| !is_existing(name)).collect();
    assert!(unknown.is_empty(), "not in /metrics: {unknown:?}; the metrics are {existing:#?}");
    // Every metric is on the dashboard.
    let families = |names: &BTreeSet<String>| -> BTreeSet<String> {
        let base = |name: &String| {
            ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
        };
        names.iter().map(base).collect()
    };
    let hidden: Vec<_> = families(&existing).difference(&families(&from_dashboard)).cloned().collect();
    assert!(hidden.is_empty(), "not on the dashboard: {hidden:?}");
    let documented = names(include_str!("../../../docs/operate/metrics-logs-traces.md"));
    let differing: Vec<_> = families(&existing).symmetric_difference(&families(&documented)).cloned().collect();
    assert!(differing.is_empty(), "documented or served, but not both: {differing:?}");
}
