//! The kinds of callers: with and without a valid key, and with each role.

use posts_api::db::Timestamp;
use posts_api::keys;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::routing::Role;

use super::operations::Access::{self, Admin, Anyone, Editor, Reader, Unchecked};
use super::operations::{Operation, SECRET};
use crate::support::Api;

/// A kind of caller and its access. `None`: a key that every operation with a key check rejects.
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) api: Api,
    pub(super) access: Option<Access>,
}

impl Caller {
    pub(super) fn may(&self, operation: &Operation) -> bool {
        operation.required == Unchecked || self.access.is_some_and(|access| access >= operation.required)
    }

    /// The status and code of an operation that the caller may not use.
    pub(super) fn rejection(&self) -> (u16, &'static str) {
        match self.access {
            None => (401, "key_invalid"),
            Some(Anyone) => (401, "key_required"),
            Some(_) => (403, "forbidden"),
        }
    }
}

/// Stores an admin key, also with an expiry in the past, which the API rejects.
fn store_key(api: &Api, expires_at: Option<Timestamp>) -> (i64, String) {
    let secret = SecretKey::generate().unwrap();
    let key = CreateApiKey { name: SECRET.into(), role: Role::Admin, expires_at };
    let hash = SecretKey::hash(secret.reveal());
    let created = keys::store::create(&mut api.server.database.connect(), &key, &hash, None, Timestamp::now()).unwrap();
    (created.id, secret.reveal().to_owned())
}

/// Every kind of caller. The server under test has used the revoked key, which another instance then revoked.
pub(super) async fn callers(api: &Api) -> Vec<Caller> {
    let (_, expired) = store_key(api, Some("2020-01-31T12:00:00Z".parse().unwrap()));
    let (id, revoked) = store_key(api, None);
    api.with_key(&revoked).get("/api/keys").await.expect(200);
    let second = Api::start(&api.server.database, |_| {});
    second.admin().delete(&format!("/api/keys/{id}")).await.expect(204);
    let caller = |name, api, access| Caller { name, api, access };
    vec![
        caller("an anonymous client", api.clone(), Some(Anyone)),
        caller("a reader", api.reader(), Some(Reader)),
        caller("an editor", api.editor(), Some(Editor)),
        caller("an admin", api.admin(), Some(Admin)),
        caller("an expired key", api.with_key(&expired), None),
        caller("a revoked key", api.with_key(&revoked), None),
        caller("an unknown key", api.with_key("posts_mfrggzdfmztwq2lknnwg23tpobyxe43u"), None),
        caller("a malformed key", api.with_key("' OR 1=1 --"), None),
    ]
}
