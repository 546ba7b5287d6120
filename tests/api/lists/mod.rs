//! Lists of posts: pages, filters, counts, search, and the query plans behind them.

mod filters;
mod label_plans;
mod large_lists;
mod many_drafts;
mod model_check;
mod pagination;
mod query_parameters;
pub(crate) mod query_plans;
mod rendered_items;
mod search;
mod views_and_counts;
pub(crate) mod work;
