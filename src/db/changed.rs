//! [`Changed`]: what a write has changed of the public data. [`Dependency`]: what a result of a read depends on.

/// The maximum number of posts that are listed. More count as [`Changed::Everything`], so that the list of a long batch
/// of writes stays short.
pub(crate) const MAX_POSTS: usize = 1024;

/// What a write has changed of the data that anonymous clients can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    Nothing,
    /// These posts, and what is derived from several posts: lists, counts, and redirects. Without an id, only the
    /// latter.
    Posts(Vec<i64>),
    /// Possibly all posts.
    Everything,
}

/// What the result of a public read depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// Only the post with this id.
    Post(i64),
    /// Possibly all posts.
    Everything,
}

impl Changed {
    pub(crate) fn posts(ids: Vec<i64>) -> Self {
        if ids.len() > MAX_POSTS { Self::Everything } else { Self::Posts(ids) }
    }

    /// Adds the changes of another write.
    pub(crate) fn add(&mut self, other: Self) {
        *self = match (std::mem::replace(self, Self::Nothing), other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Nothing, changed) | (changed, Self::Nothing) => changed,
            (Self::Posts(mut ids), Self::Posts(more)) => {
                ids.extend(more);
                Self::posts(ids)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_several_writes_add_up() {
        let mut changed = Changed::Nothing;
        changed.add(Changed::Nothing);
        assert_eq!(changed, Changed::Nothing);
        changed.add(Changed::Posts(vec![1]));
        changed.add(Changed::Nothing);
        changed.add(Changed::Posts(vec![2, 3]));
        assert_eq!(changed, Changed::Posts(vec![1, 2, 3]));
        changed.add(Changed::Everything);
        changed.add(Changed::Posts(vec![4]));
        changed.add(Changed::Nothing);
        assert_eq!(changed, Changed::Everything);
    }

    #[test]
    fn a_long_list_counts_as_everything() {
        let ids = |count: usize| (0..).take(count).collect::<Vec<i64>>();
        let mut changed = Changed::posts(ids(MAX_POSTS));
        assert_eq!(changed, Changed::Posts(ids(MAX_POSTS)));
        changed.add(Changed::Posts(vec![1]));
        assert_eq!(changed, Changed::Everything);
        assert_eq!(Changed::posts(ids(MAX_POSTS + 1)), Changed::Everything);
    }
}
