//! The attribute of the API tests that run on both databases.
//!
//! Why not `rstest`: it needs a `#[case]` line per database above every test, and an early return in every body for
//! machines without PostgreSQL. Here one line marks a test, and its body only sees the fixture.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse_macro_input};

/// Runs an async function as two tests, `name::sqlite` and `name::postgres`.
///
/// The type of its one argument selects the fixture: any type that implements `crate::support::Fixture`, such as `Api`
/// (a running server) or `TestDatabase` (an empty database). Without PostgreSQL, `name::postgres` passes without
/// running the function, unless `REQUIRE_POSTGRES` is set. Put `#[cfg]` above this attribute.
#[proc_macro_attribute]
pub fn on_both(_: TokenStream, item: TokenStream) -> TokenStream {
    let scenario = parse_macro_input!(item as ItemFn);
    let name = &scenario.sig.ident;
    // A function and a module may share a name, so the scenario stays where it was written.
    quote! {
        #scenario

        mod #name {
            #[tokio::test]
            async fn sqlite() {
                crate::support::run_on(crate::support::Engine::Sqlite, super::#name).await;
            }

            #[tokio::test]
            async fn postgres() {
                crate::support::run_on(crate::support::Engine::Postgres, super::#name).await;
            }
        }
    }
    .into()
}
