//! Limits how much of a response the client reads. The limits of ureq bound the head, but neither interim responses,
//! nor the framing of chunks, nor the messages of TLS, such as session tickets.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// The maximum number of bytes of a response. Each connection serves one request.
pub(super) const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// The maximum number of bytes that are read from the network. OpenSSL accepts up to 100 KiB of certificates.
pub(super) const MAX_NETWORK_BYTES: usize = 256 * 1024;
/// The maximum number of bytes that one read returns.
pub(super) const BUFFER_BYTES: usize = 16 * 1024;
/// The maximum length of a response head in bytes. Smaller than the buffer, because a full buffer looks like the end of
/// the connection.
pub(super) const MAX_HEAD_BYTES: usize = BUFFER_BYTES - 1;

/// The response is longer than a [`LimitConnector`] permits.
#[derive(Debug, thiserror::Error)]
#[error("response too large")]
pub(super) struct ResponseTooLarge;

/// Limits the bytes that are read from the connection of the connectors before it in the chain.
#[derive(Debug)]
pub(super) struct LimitConnector(pub(super) usize);

impl<In: Transport> Connector<In> for LimitConnector {
    type Out = LimitedTransport<In>;

    fn connect(&self, _: &ConnectionDetails, below: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(below.map(|inner| LimitedTransport { inner, remaining: self.0 }))
    }
}

pub(super) struct LimitedTransport<T> {
    inner: T,
    remaining: usize,
}

impl<T> fmt::Debug for LimitedTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedTransport").field("remaining", &self.remaining).finish_non_exhaustive()
    }
}

impl<T: Transport> Transport for LimitedTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if self.remaining < BUFFER_BYTES {
            return Err(Error::Other(Box::new(ResponseTooLarge)));
        }
        let before = self.inner.buffers().input().len();
        let has_read = self.inner.await_input(timeout)?;
        let read = self.inner.buffers().input().len().saturating_sub(before);
        self.remaining = self.remaining.saturating_sub(read);
        Ok(has_read)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

    /// A receiver that sends without end.
    #[derive(Debug)]
    struct Endless(LazyBuffers);

    impl Transport for Endless {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            let length = self.0.input_append_buf().len();
            self.0.input_appended(length);
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    #[test]
    fn a_connection_ends_at_its_limit() {
        let inner = Endless(LazyBuffers::new(BUFFER_BYTES, 1));
        let mut transport = LimitedTransport { inner, remaining: MAX_RESPONSE_BYTES };
        let mut total = 0;
        let error = loop {
            if let Err(error) = transport.await_input(NextTimeout::default()) {
                break error;
            }
            let length = transport.buffers().input().len();
            total += length;
            transport.buffers().input_consume(length);
            assert!(total <= MAX_RESPONSE_BYTES);
        };
        assert!(matches!(error, Error::Other(error) if error.is::<ResponseTooLarge>()));
        assert_eq!(total, MAX_RESPONSE_BYTES);
    }
}
