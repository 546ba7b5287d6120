//! TLS for the HTTP clients of this process. It uses the OpenSSL that the binary already contains for PostgreSQL, so
//! there is only one TLS library to keep up to date.

use std::fmt;
use std::io;
use std::io::{Read, Write};
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// Adds TLS to the connections of `https` URLs.
pub struct OpenSslConnector(Arc<SslConnector>);

impl OpenSslConnector {
    /// Trusts the certificate authorities in `SSL_CERT_FILE`, or else those of the system. A vendored OpenSSL has no
    /// default path to the system's certificates, so `openssl-probe` locates them.
    ///
    /// # Errors
    /// OpenSSL cannot be initialized, or the file cannot be read.
    pub fn new() -> Result<Self, ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        let found = openssl_probe::probe();
        if let Some(bundle) = found.cert_file {
            builder.set_ca_file(bundle)?;
        }
        Ok(Self(Arc::new(builder.build())))
    }
}

impl fmt::Debug for OpenSslConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenSslConnector")
    }
}

impl<In: Transport> Connector<In> for OpenSslConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(&self, details: &ConnectionDetails, below: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(below) = below else { return Ok(None) };
        if !details.needs_tls() || below.is_tls() {
            return Ok(Some(Either::A(below)));
        }
        let host = details.uri.host().unwrap_or_default();
        // A URL encloses an IPv6 address in brackets, a certificate does not.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut adapter = TransportAdapter::new(below.boxed(), Arc::clone(&details.current_time));
        adapter.set_timeout(details.timeout);
        let stream = self.0.connect(host, adapter).map_err(handshake_error)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream })))
    }
}

/// The error of the connection below, such as a timeout, or else the reason of OpenSSL.
fn handshake_error<S>(error: HandshakeError<S>) -> Error {
    let error = match error {
        HandshakeError::SetupFailure(error) => return io::Error::other(error.to_string()).into(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream.into_error(),
    };
    error.into_io_error().unwrap_or_else(|error| io::Error::other(error.to_string())).into()
}

/// A TLS connection.
pub struct TlsTransport {
    buffers: LazyBuffers,
    stream: SslStream<TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
