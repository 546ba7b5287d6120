//! Fits metadata into its limits.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::posts::metadata;
use crate::posts::metadata::Metadata;

/// Omits the members that are invalid by themselves, and then the largest ones until the rest fits. Omits the members
/// `preferred` last. Returns the metadata, and the name and size of each omitted member, in the order of the file.
pub(super) fn fit_metadata(mut metadata: Metadata, preferred: &HashSet<String>) -> (Metadata, Vec<(String, usize)>) {
    if let Ok(valid) = metadata::parse(Value::Object(metadata.clone())) {
        return (valid, Vec::new());
    }
    let mut by_size: Vec<(usize, &String)> = metadata.iter().map(|(name, value)| (size(name, value), name)).collect();
    by_size.retain(|(_, name)| is_valid(&metadata, &[name]));
    by_size.sort_by_key(|(size, _)| *size);
    let names = by_size.into_iter().map(|(_, name)| name);
    let (preferred, others): (Vec<&String>, Vec<&String>) = names.partition(|name| preferred.contains(*name));
    let fitting = add_fitting(&metadata, Vec::new(), &preferred);
    let fitting: HashSet<String> = add_fitting(&metadata, fitting, &others).into_iter().cloned().collect();
    let mut omitted = Vec::new();
    metadata.retain(|name, value| {
        let fits = fitting.contains(name);
        if !fits {
            omitted.push((name.clone(), size(name, value)));
        }
        fits
    });
    (metadata::parse(Value::Object(metadata)).unwrap_or_default(), omitted)
}

/// Adds as many of the names to `fitting` as fit, the first ones first.
fn add_fitting<'a>(metadata: &Metadata, fitting: Vec<&'a String>, names: &[&'a String]) -> Vec<&'a String> {
    let with_first = |count: usize| [fitting.as_slice(), names.get(..count).unwrap_or_default()].concat();
    let counts: Vec<usize> = (1..=names.len()).collect();
    with_first(counts.partition_point(|count| is_valid(metadata, &with_first(*count))))
}

/// Whether the members with these names are valid metadata.
fn is_valid(metadata: &Metadata, names: &[&String]) -> bool {
    let members = names.iter().filter_map(|name| Some(((*name).clone(), metadata.get(*name)?.clone())));
    metadata::parse(Value::Object(members.collect())).is_ok()
}

/// The size of a member as JSON in bytes, without the comma after it.
fn size(name: &str, value: &Value) -> usize {
    json!({name: value}).to_string().len() - "{}".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(metadata: &Metadata) -> Vec<&str> {
        metadata.keys().map(String::as_str).collect()
    }

    #[test]
    fn the_largest_members_are_omitted() {
        let long = |length: usize| json!("x".repeat(length));
        let members: Metadata = [
            ("z", json!(1)),
            ("huge", long(20_000)),
            ("b", long(6_000)),
            ("deep", json!({"a": {"b": {"c": {"d": {}}}}})),
            ("c", long(7_000)),
            ("d", long(5_000)),
            ("", json!(2)),
            ("a", json!(null)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        let (metadata, omitted) = fit_metadata(members.clone(), &HashSet::new());
        assert_eq!(names(&metadata), ["z", "b", "d"]);
        let omitted: Vec<(&str, usize)> = omitted.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        assert_eq!(omitted, [("huge", 20_009), ("deep", 33), ("c", 7_006), ("", 4)]);
        let preferred = HashSet::from(["c", "huge"].map(str::to_owned));
        assert_eq!(names(&fit_metadata(members, &preferred).0), ["z", "c", "d"]);
    }

    #[test]
    fn too_many_values_are_omitted() {
        let mut metadata: Metadata = (0..250).map(|number| (format!("m{number:03}"), json!(number))).collect();
        metadata.insert("list".to_owned(), json!(vec![0; 150]));
        let (metadata, omitted) = fit_metadata(metadata, &HashSet::new());
        assert_eq!((metadata.len(), omitted.len()), (200, 51));
        assert!(metadata.contains_key("m199") && !metadata.contains_key("list"));
    }
}
