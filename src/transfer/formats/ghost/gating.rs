//! The blocks of a post that Ghost shows to some readers only.
//!
//! Ghost encloses such a block in the comments `<!--kg-gated-block:begin nonMember:false memberSegment:"…" -->` and
//! `<!--kg-gated-block:end-->`, and removes it from the page of a reader who may not see it. It shows a block to
//! readers without an account only if `nonMember` is `true`.

/// The HTML as Ghost shows it to readers without an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicHtml {
    pub(super) html: String,
    /// The number of removed blocks, not counting those inside of others.
    pub(super) removed: u64,
}

/// The comments are not in pairs, or cannot be understood. So it is unclear which text is public.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MalformedBlocks;

const NAME: &str = "kg-gated-block";

/// Whether the HTML has such comments.
pub(super) fn has_gated_blocks(html: &str) -> bool {
    html.contains(NAME)
}

/// Removes the blocks that only some readers may see, and the comments around the others. A block inside of a removed
/// block is removed with it.
pub(super) fn public_html(html: &str) -> Result<PublicHtml, MalformedBlocks> {
    let mut public = PublicHtml { html: String::with_capacity(html.len()), removed: 0 };
    // For each open block, whether it is public.
    let mut open: Vec<bool> = Vec::new();
    let mut rest = html;
    while let Some((text, comment, tail)) = next_comment(rest)? {
        let is_public = open.iter().all(|is_public| *is_public);
        if is_public {
            public.html.push_str(text);
        }
        if let Some(parameters) = comment.strip_prefix(":begin") {
            let block_is_public = is_for_everyone(parameters);
            public.removed += u64::from(is_public && !block_is_public);
            open.push(block_is_public);
        } else if comment.trim() != ":end" || open.pop().is_none() {
            return Err(MalformedBlocks);
        }
        rest = tail;
    }
    if !open.is_empty() {
        return Err(MalformedBlocks);
    }
    public.html.push_str(rest);
    Ok(public)
}

/// Splits the HTML at the next comment of a block: the text before, the comment after its name, and the text after.
fn next_comment(html: &str) -> Result<Option<(&str, &str, &str)>, MalformedBlocks> {
    for (start, opening) in html.match_indices("<!--") {
        let after = html.get(start + opening.len()..).unwrap_or_default();
        if let Some(comment) = after.trim_start().strip_prefix(NAME) {
            let (comment, tail) = comment.split_once("-->").ok_or(MalformedBlocks)?;
            return Ok(Some((html.get(..start).unwrap_or_default(), comment, tail)));
        }
    }
    Ok(None)
}

/// Whether every `nonMember` parameter is `true`, and there is one.
fn is_for_everyone(parameters: &str) -> bool {
    let mut values = parameters.split("nonMember:").skip(1).map(|rest| {
        let value = rest.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        value.get(..end) == Some("true")
    });
    values.next().is_some_and(|first| first && values.all(|value| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: &str = "<!--kg-gated-block:begin nonMember:false memberSegment:\"status:free,status:-free\" -->";
    const EVERYONE: &str = "<!--kg-gated-block:begin nonMember:true memberSegment:\"\" -->";
    const END: &str = "<!--kg-gated-block:end-->";

    #[test]
    fn only_blocks_for_everyone_stay() {
        for (html, expected, removed) in [
            ("plain <!--kg-card-begin: html--> html".to_owned(), "plain <!--kg-card-begin: html--> html", 0),
            ("<code>&lt;!--kg-gated-block:end--></code>".to_owned(), "<code>&lt;!--kg-gated-block:end--></code>", 0),
            (format!("a{MEMBERS}b{END}c"), "ac", 1),
            (format!("a{EVERYONE}b{END}c{MEMBERS}d{END}e{MEMBERS}f{END}"), "abce", 2),
            (format!("a{MEMBERS}b{EVERYONE}c{END}d{END}e"), "ae", 1),
            (format!("a{EVERYONE}b{MEMBERS}c{END}d{END}e"), "abde", 1),
            ("a<!-- kg-gated-block:begin nonMember:\"true\"-->b<!-- kg-gated-block:end -->".to_owned(), "ab", 0),
            ("<!--kg-gated-block:begin nonMember:true1 -->b<!--kg-gated-block:end-->".to_owned(), "", 1),
            ("<!--kg-gated-block:begin memberSegment:\"\" -->b<!--kg-gated-block:end-->".to_owned(), "", 1),
            (
                "<!--kg-gated-block:begin nonMember:false memberSegment:\"nonMember:true\"-->b<!--kg-gated-block:end-->"
                    .to_owned(),
                "",
                1,
            ),
        ] {
            let public = PublicHtml { html: expected.to_owned(), removed };
            assert_eq!(public_html(&html), Ok(public), "{html}");
        }
    }

    #[test]
    fn unpaired_comments_are_malformed() {
        for html in [
            format!("a{MEMBERS}b"),
            format!("a{EVERYONE}b"),
            format!("a{END}"),
            format!("a{MEMBERS}b{END}c{END}"),
            format!("a{MEMBERS}{MEMBERS}b{END}c"),
            "a<!--kg-gated-block:begin nonMember:false".to_owned(),
            "a<!--kg-gated-block:start-->b<!--kg-gated-block:end-->".to_owned(),
        ] {
            assert_eq!(public_html(&html), Err(MalformedBlocks), "{html}");
        }
    }
}
