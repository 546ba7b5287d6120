use super::{EXCERPT_SOURCE, of};

#[test]
fn markdown_markers_are_dropped() {
    for (content, excerpt) in [
        ("Some *text* with a [link](https://example.org), ~~no~~ and `code`.", "Some text with a link, no and code."),
        ("```rust\nfn main() {}\n```\n\nAfter ![alt](x.png)the code.", "After the code."),
        ("    indented code\n\nText", "Text"),
        ("a  \nb\nc", "a b c"),
        ("- one\n  - two\n- three", "one two three"),
        ("- [ ] open\n- [x] done", "open done"),
        ("> [!NOTE]\n> Quoted", "Quoted"),
        ("| a | b |\n|---|---|\n| c | d |", "a b c d"),
        ("one\n\n---\n\ntwo", "one two"),
        ("---\ntitle: Front\n---\n\nMatter.", "Matter."),
        ("+++\ntitle = \"Front\"\n+++\n\nMatter.", "Matter."),
        ("AT&amp;T &lt;b&gt; &#8217;", "AT&T <b> ’"),
        ("Zero\u{ad}width\u{7} \u{a0} space", "Zerowidth space"),
        ("", ""),
    ] {
        assert_eq!(of(content), excerpt, "{content}");
    }
}

#[test]
fn headings_stand_in_only_if_there_is_no_other_text() {
    for (content, excerpt) in [
        ("# Title\n\nText.\n\n## Next {#next}\n\nMore.", "Text. More."),
        ("Title\n=====\n\nText", "Text"),
        ("<h1>Title</h1><p>Text</p>", "Text"),
        ("# Only\n\n## Headings", "Only Headings"),
        ("<h2>Only <em>one</em></h2>\n<img src=\"x.png\">", "Only one"),
        ("Text\n\n## End", "Text"),
    ] {
        assert_eq!(of(content), excerpt, "{content}");
    }
}

#[test]
fn html_is_reduced_to_its_text() {
    for (content, excerpt) in [
        ("<p>One <strong>bold</strong>word.</p><p>Two</p>", "One boldword. Two"),
        (
            "<!--kg-card-begin: html--><div>A</div><!--kg-card-end: html-->\n<p>B&nbsp;&amp; C &eacute;&#233;</p>",
            "A B & C éé",
        ),
        (
            "<!-- wp:paragraph -->\n<p>Block</p>\n<!-- /wp:paragraph -->\n\n<!-- wp:list -->\n\
             <ul><li>a</li><li>b</li></ul>",
            "Block a b",
        ),
        ("<style>p { color: red }</style><script>\n\nalert('<p>no</p>')\n</script><p>Yes</p>", "Yes"),
        ("Inline <script>alert(1)</script>text", "Inline text"),
        ("line<br>break<br/>again<hr>end", "line break again end"),
        ("<pre><code>code</code></pre><p>Text</p>", "Text"),
        ("<figure><img src=\"x\" alt=\"alt\"><figcaption>Caption</figcaption></figure>\n\nText", "Text"),
        ("<svg><title>Icon</title><text>no</text></svg><p>Text</p>", "Text"),
        ("<!doctype html><html><head><title>T</title></head><body><p>Text</p></body></html>", "Text"),
        ("<section>\n\n    <p>Indented</p>\n\n        <p>HTML</p>\n\n</section>", "Indented HTML"),
        ("<div>\n\nSome *Markdown*\n\n</div>", "Some Markdown"),
        ("<p title=\"a > b\" class='x'>Quoted</p>", "Quoted"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<P>Upper <SCRIPT>no</SCRIPT>case</P>", "Upper case"),
        ("Text<sup id=\"fnref:1\"><a href=\"#fn:1\">1</a></sup> and x<sup>2</sup>", "Text and x2"),
        (
            "Text<sup data-fn=\"5e1\" class=\"fn\"><a href=\"#5e1\" id=\"5e1-link\">1</a></sup> and more",
            "Text and more",
        ),
        ("Text<sup><a href=\"#user-content-fn-1\" data-footnote-ref>1</a></sup> and more", "Text and more"),
        ("Text<a role=\"doc-noteref\" href=\"#n1\">1</a> and more", "Text and more"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt></ruby>字", "漢字"),
        ("<p>Unclosed <b>tags<div>and", "Unclosed tags and"),
        ("<p>Cut tag <a href=\"https://exa", "Cut tag"),
        ("<p>a</p><!-- open comment <p>b</p>", "a"),
        ("A text about the <select> element", "A text about the element"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ] {
        assert_eq!(of(content), excerpt, "{content}");
    }
}

#[test]
fn references_and_footnotes_leave_no_markup() {
    for (content, excerpt) in [
        ("See [this][a] and [that] and [those][].\n\n[a]: /a\n[that]: /b\n[those]: /c", "See this and that and those."),
        ("See [this][missing] and [those][], [sic].", "See this and those, [sic]."),
        ("Note[^1] and[^long name][^b].\n\n[^1]: The note.\n[^b]: Another.", "Note and."),
        ("Note[^1] without a definition", "Note without a definition"),
        ("![image][ref] text\n\n[ref]: x.png", "text"),
        ("[gallery ids=\"1,2\"]Text[caption]<img> words[/caption]", "Text"),
    ] {
        assert_eq!(of(content), excerpt, "{content}");
    }
}

/// The definitions are beyond the part of the content that is read.
#[test]
fn references_defined_far_below_leave_no_markup() {
    let filler = "word ".repeat(2000);
    let content =
        format!("See [this][a], [that], [those][], and ![image][c] here.[^1]\n\n{filler}\n\n[a]: /a\n[that]: /b");
    assert!(of(&content).starts_with("See this, that, those, and here. word"), "{}", of(&content));
}

#[test]
fn an_ellipsis_ends_exactly_the_excerpts_that_are_cut() {
    let code = |length: usize| format!("Text\n\n```\n{}\n```", "x".repeat(length - "Text\n\n```\n\n```".len()));
    for (content, is_cut) in [
        ("Text".into(), false),
        ("a".repeat(200), false),
        ("a".repeat(201), true),
        ("word ".repeat(40), false),
        ("word ".repeat(41), true),
        ("<p>word</p>".repeat(41), true),
        ("An end…".into(), false),
        (code(EXCERPT_SOURCE), false),
        (code(EXCERPT_SOURCE + 1), true),
        (format!("Text{}", "\n".repeat(EXCERPT_SOURCE)), true),
        (format!("<script>{}", "x".repeat(5000)), true),
    ] {
        let excerpt = of(&content);
        assert_eq!(excerpt.ends_with('…'), is_cut, "{excerpt}");
        assert!(excerpt.chars().count() <= 200, "{excerpt}");
    }
}

/// Deeply nested or unclosed markup takes a bounded time, and no excerpt is too long.
#[test]
fn any_repetition_of_markup_gives_a_short_excerpt() {
    for part in [
        "<", "<rp>", "<svg>", "<!--", "[", "![", "[^", "[caption ", "`", "*", "> ", "- ", "&amp", "<a b=", "\u{300}",
        "<p>x", "</p>", "|a", "[video]x", "<script>", "~~", "$$", "{{", "    ", "\t<div>\n\n",
    ] {
        let excerpt = of(&part.repeat(600_000 / part.len()));
        assert!(excerpt.chars().count() <= 200, "{part}: {excerpt}");
    }
}
