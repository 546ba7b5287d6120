use super::of;

#[test]
fn dump() {
    let text = std::fs::read_to_string("/work/shared/data/rust-blog-posts.ndjson").unwrap();
    let mut out = String::new();
    let started = std::time::Instant::now();
    for line in text.lines() {
        let post: serde_json::Value = serde_json::from_str(line).unwrap();
        let content = post["content"].as_str().unwrap();
        out.push_str(&format!("{}\t{}\n", post["slug"].as_str().unwrap(), of(content)));
    }
    out.push_str(&format!("{:?}", started.elapsed()));
    std::fs::write("/tmp/h/excerpts.tsv", out).unwrap();
}
