//! [`RunningTests`]: limits the test requests that an instance sends at a time.
//!
//! A test occupies a thread for up to 16 seconds. Tests that exceed the limit fail at once. A queue would let one
//! client delay the tests of all others.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::ApiError;

/// The maximum number of tests at a time.
const MAX_TESTS: usize = 16;

/// The webhooks that are being tested. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RunningTests(Arc<Mutex<HashSet<i64>>>);

/// A test in progress. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct RunningTest {
    tests: RunningTests,
    webhook: i64,
}

impl RunningTests {
    /// Begins a test of a webhook.
    ///
    /// # Errors
    /// 503: a test of the webhook is in progress, or 16 tests are.
    pub(crate) fn begin(&self, webhook: i64) -> Result<RunningTest, ApiError> {
        let mut tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tests.contains(&webhook) {
            return Err(ApiError::ServerBusy("a test of this webhook is in progress"));
        }
        if tests.len() >= MAX_TESTS {
            return Err(ApiError::ServerBusy("too many tests of webhooks are in progress"));
        }
        tests.insert(webhook);
        Ok(RunningTest { tests: self.clone(), webhook })
    }
}

impl Drop for RunningTest {
    fn drop(&mut self) {
        self.tests.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.webhook);
    }
}
