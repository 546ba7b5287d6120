//! HTTP for what is exported, with TLS by the OpenSSL that is built in for PostgreSQL already: `ureq` brings none, and a
//! second one would have to be kept safe, too.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};
use ureq::{Agent, Error};

/// What takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client that answers with whatever status it gets, follows no redirects, and goes through the proxy that the
/// environment names (`HTTPS_PROXY` and the like).
///
/// # Errors
/// OpenSSL cannot be set up.
pub(crate) fn agent() -> Result<Agent, String> {
    let config = Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("posts-api/", env!("CARGO_PKG_VERSION")))
        .build();
    let connector =
        DefaultConnector::new().chain(OpenSsl::new().map_err(|error| format!("OpenSSL cannot be set up: {error}"))?);
    Ok(Agent::with_parts(config, connector, DefaultResolver::default()))
}

/// Speaks TLS where the URL says `https`.
struct OpenSsl(Arc<SslConnector>);

impl OpenSsl {
    /// Trusts the system's authorities: those of `SSL_CERT_FILE`, or where systems keep them.
    fn new() -> Result<Self, ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        let found = openssl_probe::probe();
        if let Some(bundle) = found.cert_file {
            builder.set_ca_file(bundle)?;
        }
        Ok(Self(Arc::new(builder.build())))
    }
}

impl fmt::Debug for OpenSsl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenSsl")
    }
}

impl<In: Transport> Connector<In> for OpenSsl {
    type Out = Either<In, Tls>;

    fn connect(&self, details: &ConnectionDetails, below: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(below) = below else { return Ok(None) };
        if !details.needs_tls() || below.is_tls() {
            return Ok(Some(Either::A(below)));
        }
        let host = details.uri.host().unwrap_or_default();
        // A literal IPv6 address stands in brackets in a URL, and not in a certificate.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut adapter = TransportAdapter::new(below.boxed(), Arc::clone(&details.current_time));
        adapter.set_timeout(details.timeout);
        let stream = self.0.connect(host, adapter).map_err(failed)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Tls { buffers, stream })))
    }
}

/// The stream in the error cannot be shown, hence only the reason.
fn failed<S>(error: HandshakeError<S>) -> Error {
    let reason = match error {
        HandshakeError::SetupFailure(error) => error.to_string(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream.error().to_string(),
    };
    Error::Io(std::io::Error::other(reason))
}

/// A connection that speaks TLS.
struct Tls {
    buffers: LazyBuffers,
    stream: SslStream<TransportAdapter>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Transport for Tls {
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
