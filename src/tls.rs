//! TLS for the HTTP clients of this process. It uses the OpenSSL that the binary already contains for PostgreSQL, so
//! there is only one TLS library to keep up to date.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fmt, fs, io};

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509VerifyResult};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// The environment variable that names a file with the CA certificates to trust instead of those of the system.
pub const CERTIFICATE_VARIABLE: &str = "SSL_CERT_FILE";

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("failed to initialize OpenSSL: {0}")]
    Setup(#[from] ErrorStack),
    #[error(
        "SSL_CERT_FILE: failed to read CA certificates from {}: {error}; set it to a PEM file with CA \
         certificates, or unset it to trust those of the system", path.display()
    )]
    CertificateFile { path: PathBuf, error: io::Error },
    #[error(
        "failed to read the CA certificates from {}: {error}; set SSL_CERT_FILE to a PEM file with CA \
         certificates", path.display()
    )]
    Certificates { path: PathBuf, error: io::Error },
}

/// Checks that the file named by [`CERTIFICATE_VARIABLE`] contains certificates.
///
/// # Errors
/// The file cannot be read, contains no certificate, or contains an invalid one.
pub fn check_certificate_file(path: &Path) -> Result<(), TlsError> {
    let invalid = |error| TlsError::CertificateFile { path: path.to_owned(), error };
    read_certificates(path).map(drop).map_err(invalid)
}

/// The certificates in a PEM file, at least one.
fn read_certificates(path: &Path) -> io::Result<Vec<X509>> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason);
    match X509::stack_from_pem(&fs::read(path)?) {
        Ok(certificates) if certificates.is_empty() => Err(invalid("it contains no certificate in PEM format")),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(invalid("it contains an invalid certificate")),
    }
}

/// Adds TLS to the connections of `https` URLs. Clones share the CA certificates.
#[derive(Clone)]
pub struct OpenSslConnector(Arc<LazyConnector>);

struct LazyConnector {
    /// The file with the CA certificates. `None` if the system has none.
    certificates: Option<PathBuf>,
    connector: OnceLock<SslConnector>,
}

impl OpenSslConnector {
    /// Reads the CA certificates at once.
    ///
    /// # Errors
    /// OpenSSL cannot be initialized, or the certificates cannot be read.
    pub fn new() -> Result<Self, TlsError> {
        let connector = Self::lazy();
        connector.0.get_or_init().map(drop)?;
        Ok(connector)
    }

    /// Reads the CA certificates at the first connection with TLS, because that takes about 15 ms. If it fails, the
    /// connection fails, and the next one tries again.
    ///
    /// Trusts the certificate authorities in the file that [`CERTIFICATE_VARIABLE`] names, or else those of the system.
    /// A vendored OpenSSL has no default path to the system's certificates, so `openssl-probe` locates them.
    #[must_use]
    pub fn lazy() -> Self {
        Self(Arc::new(LazyConnector { certificates: openssl_probe::probe().cert_file, connector: OnceLock::new() }))
    }
}

impl LazyConnector {
    fn get_or_init(&self) -> Result<&SslConnector, TlsError> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let connector = self.build()?;
        Ok(self.connector.get_or_init(|| connector))
    }

    fn build(&self) -> Result<SslConnector, TlsError> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        if let Some(path) = &self.certificates {
            let failed = |error| TlsError::Certificates { path: path.clone(), error };
            // Replaces the default store, which also trusts the certificates in SSL_CERT_DIR.
            let mut store = X509StoreBuilder::new()?;
            for certificate in read_certificates(path).map_err(failed)? {
                store.add_cert(certificate)?;
            }
            builder.set_cert_store(store.build());
        }
        Ok(builder.build())
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
        let connector = self.0.get_or_init().map_err(|error| {
            tracing::warn!(%error, "failed to prepare a TLS connection");
            Error::Other(Box::new(error))
        })?;
        let stream = connector.connect(host, adapter).map_err(handshake_error)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream })))
    }
}

/// The error of the connection below, such as a timeout, or else the reason of OpenSSL, with what is wrong with the
/// certificate.
fn handshake_error<S>(error: HandshakeError<S>) -> Error {
    let stream = match error {
        HandshakeError::SetupFailure(error) => return io::Error::other(error.to_string()).into(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream,
    };
    let verified = stream.ssl().verify_result();
    let describe = |error: openssl::ssl::Error| match verified {
        X509VerifyResult::OK => io::Error::other(error.to_string()),
        problem => io::Error::other(format!("{error}: {problem}")),
    };
    stream.into_error().into_io_error().unwrap_or_else(describe).into()
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
