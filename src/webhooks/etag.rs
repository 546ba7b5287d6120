//! The entity tag of a webhook: a hash of what clients set, followed by a hash of the whole representation.
//!
//! The tag is strong: it never identifies other bytes. A change requires only that the first half matches. A delivery
//! changes the representation too, but no field that clients set. If the whole tag had to match, each delivery would
//! make changes fail that a person is preparing.

use actix_web::http::header::EntityTag;
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::resource::versioned::{Preconditions, TagSet};
use crate::webhooks::model::Webhook;

/// The number of hexadecimal digits of each half.
const DIGITS: usize = 16;

/// The entity tag of a webhook.
#[must_use]
pub(super) fn of(webhook: &Webhook) -> EntityTag {
    EntityTag::new_strong(settings(webhook) + &hash(webhook))
}

/// Whether the change may be applied to this webhook.
#[must_use]
pub(super) fn allow(preconditions: &Preconditions, webhook: &Webhook) -> bool {
    let set = |set: &TagSet| match set {
        TagSet::Any => TagSet::Any,
        TagSet::Tags(tags) => TagSet::Tags(tags.iter().filter_map(|tag| first_half(tag)).collect()),
    };
    let Preconditions { if_match, if_none_match } = preconditions;
    let preconditions =
        Preconditions { if_match: if_match.as_ref().map(set), if_none_match: if_none_match.as_ref().map(set) };
    preconditions.allow(&settings(webhook))
}

fn first_half(tag: &str) -> Option<String> {
    (tag.len() == 2 * DIGITS).then(|| tag.get(..DIGITS).map(str::to_owned)).flatten()
}

/// The first half. The version represents the values of the headers and the secret, which are not in the
/// representation. The times distinguish the webhook from one with the same id in a restored database.
fn settings(webhook: &Webhook) -> String {
    let webhook = webhook.clone();
    hash(&Webhook { position: None, next_attempt_at: None, failing_since: None, last_success_at: None, ..webhook })
}

fn hash(value: &impl Serialize) -> String {
    // A webhook always serializes.
    let json = serde_json::to_vec(value).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(json)).chars().take(DIGITS).collect()
}
