//! The parameters that several operations share: each one is described once, in `components/parameters`.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{Ref, RefOr};

/// The name of each shared parameter, and its name in `components/parameters`.
const SHARED: [(&str, &str); 7] = [
    ("id", "Id"),
    ("slug", "Slug"),
    ("limit", "Limit"),
    ("cursor", "Cursor"),
    ("If-Match", "IfMatch"),
    ("If-None-Match", "IfNoneMatch"),
    ("Idempotency-Key", "IdempotencyKey"),
];

/// Replaces the shared parameters of the operation by references to `components`, and adds those that are missing
/// there. A parameter that has the name of a shared one but differs from it, such as the filter `slug` of a list,
/// stays.
pub(super) fn share(operation: &mut Operation, components: &mut BTreeMap<String, RefOr<Parameter>>) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(own) = parameter else { continue };
        let Some((_, name)) = SHARED.iter().find(|(shared, _)| *shared == own.name) else { continue };
        // An optional path parameter does not exist, so this distinguishes the slug in a path from the filter.
        let is_filter = own.name == "slug" && own.required != utoipa::openapi::Required::True;
        if is_filter {
            continue;
        }
        let shared = components.entry((*name).to_owned()).or_insert_with(|| RefOr::T(own.clone()));
        if *shared == RefOr::T(own.clone()) {
            *parameter = RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")));
        }
    }
}
