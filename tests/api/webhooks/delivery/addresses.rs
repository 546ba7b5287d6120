//! No connection is made to an address that is not allowed. The check in the client has tests of its own, with a DNS
//! server whose answers change.

use std::sync::Arc;

use super::{Hook, attempts, publish};
use crate::support::hook_receiver::HookReceiver;
use crate::support::{Api, TestDatabase, on_both, wait_until};

/// The forms in which a URL can name this machine.
fn hosts(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "127.1", "0.0.0.0", "0", "[::1]",
        "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost",
        "LOCALHOST.",
    ];
    hosts.iter().map(|host| format!("{host}:{port}")).collect()
}

#[on_both]
async fn stored_urls_of_other_networks_are_not_contacted(database: TestDatabase) {
    let receiver = HookReceiver::start();
    let api = Api::start(&Arc::new(database), |config| config.webhook_networks = Vec::new());
    let mut count = 0;
    for host in hosts(receiver.address.port()) {
        for scheme in ["https", "http"] {
            Hook::each(&format!("{scheme}://{host}/")).create(&api);
            count += 1;
        }
    }
    publish(&api, "first").await;
    wait_until("every webhook to fail", async || attempts(&api.server.database) >= count).await;
    assert_eq!(receiver.connections(), 0);
    let refused = "SELECT count(*) AS number FROM webhook_attempts \
                   WHERE status IS NULL AND error IN ('URL not allowed', 'address not allowed')";
    assert_eq!(api.server.database.query_number(refused), count);
}

/// The networks of the setting are the only ones that are not public.
#[on_both]
async fn only_listed_networks_are_contacted(database: TestDatabase) {
    let receiver = HookReceiver::start();
    let networks = vec!["127.0.0.2/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let api = Api::start(&Arc::new(database), |config| config.webhook_networks = networks);
    for url in [
        receiver.url(),
        receiver.url().replace("http://", "https://"),
        receiver.url().replace("127.0.0.1", "localhost"),
    ] {
        Hook::each(&url).create(&api);
    }
    publish(&api, "first").await;
    wait_until("every webhook to fail", async || attempts(&api.server.database) >= 3).await;
    assert_eq!(receiver.connections(), 0);
}
