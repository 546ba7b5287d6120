//! The log entries of failed requests.

use actix_web::http::StatusCode;

use crate::http::ApiError;

/// Logs a response with a status of 500 or more.
///
/// An overload that clients can cause is not a fault of the service: it must not fill the log. Metrics count it.
pub(crate) fn log_server_error(error: Option<&ApiError>, id: &str, request: &str, status: StatusCode, cause: &str) {
    let status = status.as_u16();
    match error {
        Some(
            error @ (ApiError::ServerBusy(_)
            | ApiError::QueryTooExpensive
            | ApiError::Exhausted { .. }
            | ApiError::Resource { .. }),
        ) => {
            tracing::debug!(request_id = id, request, status, %error, "request refused");
        }
        // The database itself logs why it does not respond.
        Some(error @ ApiError::DatabaseBusy) => {
            tracing::warn!(request_id = id, request, status, %error, "request refused");
        }
        _ => tracing::error!(request_id = id, request, status, cause, "request failed"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log_of(error: &ApiError) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            log_server_error(Some(error), "id", "GET /", StatusCode::SERVICE_UNAVAILABLE, "");
        });
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// Errors of this level become Sentry events, so clients must not be able to cause them at will.
    #[test]
    fn overload_by_clients_is_not_logged_as_an_error() {
        for error in [ApiError::ServerBusy("no memory"), ApiError::QueryTooExpensive, ApiError::DatabaseBusy] {
            assert!(!log_of(&error).contains("ERROR"), "{error}");
        }
        assert!(log_of(&ApiError::DatabaseUnavailable { cause: "lost".into() }).contains("ERROR"));
    }
}
