//! WordPress exports in other forms than the usual one.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::import;
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

fn fields(posts: &[Value], names: &[&str]) -> Value {
    posts.iter().map(|post| names.iter().map(|name| post[name].clone()).collect::<Value>()).collect()
}

#[on_both]
async fn titles_are_plain_text(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let titles = [
        ("<![CDATA[Tips &amp; Tricks&hellip;]]>", "Tips & Tricks…"),
        ("<![CDATA[How to write &amp;lt; and &amp;amp;]]>", "How to write &lt; and &amp;"),
        ("<![CDATA[The &lt;em&gt; tag]]>", "The <em> tag"),
        ("<![CDATA[<em>Hi</em> <br>there, Vec<T> & co]]>", "Hi  there, Vec<T> & co"),
        ("Tips &#038; Tricks &#8211; AT&T", "Tips & Tricks – AT&T"),
        ("Q&amp;amp;A", "Q&A"),
        ("R&nbsp;D &unknown; x", "R\u{a0}D &unknown; x"),
        ("a]]&gt;b<![CDATA[c]]]]><![CDATA[>d]]>", "a]]>bc]]>d"),
        ("\n  <![CDATA[  Spaces  ]]>\n", "Spaces"),
        ("no <b>CDATA</b> &lt;at&gt; all", "no CDATA <at> all"),
        ("bell\u{7} &#8;<![CDATA[\u{1b}[31m]]>", "bell [31m"),
    ];
    let items: String = titles
        .iter()
        .enumerate()
        .map(|(n, (title, _))| item(&WordpressItem { title, name: &format!("t-{n}"), ..POST }))
        .collect();
    let outcome = import(&sandbox, "wordpress", &[], &wordpress(&items));
    assert!(outcome.stderr.contains("item 11: control characters removed: 3"), "{}", outcome.stderr);
    outcome.success();
    let stored = exported(&sandbox);
    for (post, (title, expected)) in stored.iter().zip(titles) {
        assert_eq!(post["title"], expected, "{title}");
    }
}

#[on_both]
async fn content_is_kept_in_every_form(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let contents = [
        ("<![CDATA[<p>a &amp; b</p>]]>", "<p>a &amp; b</p>"),
        ("\n\t<![CDATA[<p>a</p>]]>\n\t", "<p>a</p>"),
        ("&lt;p&gt;a &amp;amp; b&lt;/p&gt;", "<p>a &amp; b</p>"),
        ("<p class=\"x\">a &amp; b<br/>&nbsp;c &lt; d</p>", "<p class=\"x\">a &amp; b<br/>&nbsp;c &lt; d</p>"),
        ("<p>unclosed<br>a & b<title>x</title>", "<p>unclosed<br>a & b<title>x</title>"),
        ("<!-- wp:paragraph --><p>a</p><!--more--><?php x ?>", "<!-- wp:paragraph --><p>a</p><!--more--><?php x ?>"),
        ("plain", "plain"),
    ];
    let items: String = contents
        .iter()
        .enumerate()
        .map(|(number, (content, _))| {
            item(&WordpressItem { name: &format!("c-{number}"), ..POST })
                .replace(&format!("<![CDATA[<p>Text of c-{number}</p>]]>"), content)
        })
        .collect();
    import(&sandbox, "wordpress", &[], &wordpress(&items)).success();
    let stored = exported(&sandbox);
    assert_eq!(stored.len(), contents.len());
    for (post, (content, expected)) in stored.iter().zip(contents) {
        assert_eq!(post["content"], expected, "{content}");
    }
}

#[on_both]
async fn fillers_are_not_dates(database: TestDatabase) {
    const FILLER: &str = "Wed, 30 Nov -0001 00:00:00 +0000";
    let sandbox = sandbox(&database);
    let date =
        |name: &str, gmt: &str, pub_date: &str, local: &str| {
            item(&WordpressItem { name, date: gmt, ..POST })
                .replace("Sat, 29 Feb 2020 23:59:59 +0000", pub_date)
                .replacen(&format!("<wp:post_date><![CDATA[{gmt}]]>"), &format!("<wp:post_date><![CDATA[{local}]]>"), 1)
        };
    let file = wordpress(
        &[
            date("gmt", " 2020-01-02 03:04:05\n", "Fri, 03 Jan 2020 00:00:00 +0000", "2020-01-02 05:04:05"),
            date("rss", "0000-00-00 00:00:00", "Thu, 02 Jan 2020 03:04:05 GMT", "2020-01-02 05:04:05"),
            date("zone", "", "Thu, 2 Jan 20 03:04 EST", ""),
            date("local", "0000-00-00 00:00:00", FILLER, "2020-01-02 03:04:05"),
            date("none", "-0001-11-30 00:00:00", FILLER, "0000-00-00 00:00:00"),
            date("epoch", "1970-01-01 00:00:00", "Thu, 01 Jan 1970 00:00:00 +0000", ""),
            date("php", "1999-11-30 00:00:00", "Tue, 30 Nov 1999 00:00:00 +0000", ""),
        ]
        .concat(),
    );
    let outcome = import(&sandbox, "wordpress", &[], &file);
    let undated = "published or scheduled posts without a date imported as drafts: 3";
    assert!(outcome.stderr.contains(undated), "{}", outcome.stderr);
    outcome.success();
    assert_eq!(
        fields(&exported(&sandbox), &["slug", "published_at"]),
        json!([
            ["gmt", "2020-01-02T03:04:05.000000Z"],
            ["rss", "2020-01-02T03:04:05.000000Z"],
            ["zone", "2020-01-02T08:04:00.000000Z"],
            ["local", "2020-01-02T03:04:05.000000Z"],
            ["none", null],
            ["epoch", null],
            ["php", null],
        ])
    );
}

#[on_both]
async fn only_published_posts_become_public(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let statuses = [
        "publish", "\n future ", "draft", "pending", "private", "auto-draft", "inherit", "request-pending",
        "request-confirmed", "Publish", "", "members",
    ];
    let mut items: String = statuses.iter().map(|status| item(&WordpressItem { status, name: "", ..POST })).collect();
    for password in ["pw", "<![CDATA[pw]]>", "<![CDATA[ ]]>", " <![CDATA[]]>\n", "", " \n "] {
        let more = format!("<wp:post_password>{password}</wp:post_password>");
        items.push_str(&item(&WordpressItem { name: "", more: &more, ..POST }));
    }
    let outcome = import(&sandbox, "wordpress", &[], &wordpress(&items));
    let messages: Vec<&str> = outcome.stderr.lines().collect();
    for expected in [
        "password-protected posts imported as drafts: 3", "posts pending review imported as drafts: 1",
        "posts with an unknown status imported as drafts: 6", "private posts imported as drafts: 1",
        "item 12: the status \"members\" is unknown",
    ] {
        assert!(messages.contains(&expected), "{expected}: {messages:#?}");
    }
    outcome.success();
    let states: Vec<(bool, bool)> = exported(&sandbox)
        .iter()
        .map(|post| (post["published"].as_bool().unwrap(), post["scheduled_for"] != Value::Null))
        .collect();
    let draft = (false, false);
    let mut expected = vec![(true, false), (false, true)];
    expected.extend([draft; 13]);
    expected.extend([(true, false); 3]);
    assert_eq!(states, expected);
}

#[on_both]
async fn prefixes_channels_and_versions_vary(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let whole = wordpress(&item(&POST));
    let renamed = whole
        .replace("xmlns:wp=", "xmlns:w=")
        .replace("<wp:", "<w:")
        .replace("</wp:", "</w:")
        .replace("xmlns:excerpt=", "xmlns:e=")
        .replace("excerpt:encoded", "e:encoded")
        .replace("xmlns:content=", "xmlns:c=")
        .replace("content:encoded", "c:encoded");
    let undeclared = whole.replace(" xmlns:wp=\"http://wordpress.org/export/1.2/\"", "");
    let old = whole.replace("/export/1.2/", "/export/1.0/").replace(">1.2<", ">1.0<");
    let https = whole.replace("http://wordpress.org", "https://wordpress.org");
    let channels = whole.replace("</channel>", &format!("</channel><channel>{}</channel>", item(&POST)));
    let marked = format!("\u{feff}{whole}");
    let appended = format!("\n\n{whole}\n{whole}").replace('\n', "\r\n");
    for (file, count) in
        [(&renamed, 1), (&undeclared, 1), (&old, 1), (&https, 1), (&marked, 1), (&channels, 2), (&appended, 2)]
    {
        let output = import(&sandbox, "wordpress", &[], file).success();
        assert_eq!(output, format!("imported {count} posts, skipped 0 items\n"), "{file}");
        let stored = exported(&sandbox);
        assert!(stored.iter().all(|post| post["published"] == true && post["content"] == "<p>Text of a-post</p>"));
        database.execute("DELETE FROM posts");
    }
}

#[on_both]
async fn declared_encodings_are_decoded(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let latin1 = wordpress(&item(&WordpressItem { title: "Caf\u{e9}", ..POST })).replace("UTF-8", "ISO-8859-1");
    let bytes: Vec<u8> = latin1.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    std::fs::write(sandbox.path("latin1.xml"), &bytes).unwrap();
    sandbox.run(&["import", "--format", "wordpress", "latin1.xml"]).success();
    assert_eq!(exported(&sandbox)[0]["title"], "Café");

    let unknown = latin1.replace("ISO-8859-1", "x-none");
    let line = import(&sandbox, "wordpress", &[], &unknown).error_line();
    assert!(line.contains("unknown encoding \"x-none\""), "{line}");
    let utf16: Vec<u8> = latin1.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, bytes) in [("marked.xml", [b"\xff\xfe".to_vec(), utf16.clone()].concat()), ("unmarked.xml", utf16)] {
        std::fs::write(sandbox.path(name), bytes).unwrap();
        for format in ["wordpress", "ghost", "ndjson"] {
            let line = sandbox.run(&["import", "--format", format, name]).error_line();
            assert!(line.contains("encoded as UTF-16"), "{line}");
        }
    }
}

#[on_both]
async fn terms_of_old_versions_become_tags_once(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let more = "<category><![CDATA[News]]></category><category domain=\"category\" nicename=\"news\">News</category>
        <category domain=\"tag\"><![CDATA[Q&amp;A]]></category>
        <category domain=\"tag\" nicename=\"q-a\">Q&amp;A</category>
        <category domain='post_tag' nicename='x'><!-- none --></category><category/>";
    let outcome = import(&sandbox, "wordpress", &[], &wordpress(&item(&WordpressItem { more, ..POST })));
    for expected in ["categories imported as tags: 1", "tags imported: 1"] {
        assert!(outcome.stderr.lines().any(|line| line == expected), "{expected}: {}", outcome.stderr);
    }
    outcome.success();
    assert_eq!(exported(&sandbox)[0]["tags"], json!(["News", "Q&A"]));
}

/// The login of an author who is not in the file can be an address. A template of an SEO plugin is no description.
#[on_both]
async fn addresses_and_templates_are_not_imported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let meta = |key: &str, value: &str| {
        format!("<wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value>{value}</wp:meta_value></wp:postmeta>")
    };
    let more =
        [meta("_yoast_wpseo_metadesc", "%%title%% - %%sitename%%"), meta("rank_math_description", "All %title%")];
    let sale = meta("_yoast_wpseo_metadesc", "50% off, 20% more");
    let items = [
        item(&WordpressItem { more: &more.concat(), ..POST }).replace("[me]", "[me@example.org]"),
        item(&WordpressItem { name: "sale", more: &sale, ..POST }),
    ];
    let outcome = import(&sandbox, "wordpress", &[], &wordpress(&items.concat()));
    let expected = "authors with only an email address not imported: 1";
    assert!(outcome.stderr.lines().any(|line| line == expected), "{}", outcome.stderr);
    outcome.success();
    let stored = exported(&sandbox);
    assert_eq!(fields(&stored, &["authors", "description"]), json!([[null, null], [["me"], "50% off, 20% more"]]));
    assert_eq!(stored[0]["metadata"], json!({"rank_math_description": "All %title%"}));
}
