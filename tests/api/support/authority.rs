//! Certificate authorities that tests make, and TLS servers with certificates of them.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509NameRef};

/// A certificate authority.
pub(crate) struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let (key, subject) = (generate_key(), common_name(name));
        let mut builder = builder(1, &subject, &subject, &key, &tomorrow());
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { key, certificate: builder.build() }
    }

    /// The certificate of the authority in PEM.
    pub(crate) fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    /// The name of the certificate in a directory like `SSL_CERT_DIR`.
    pub(crate) fn directory_entry(&self) -> String {
        format!("{:08x}.0", self.certificate.subject_name_hash())
    }

    /// A TLS server for this host: an IPv4 address or a name.
    pub(crate) fn acceptor(&self, host: &str) -> SslAcceptor {
        self.builder_until(host, &tomorrow()).build()
    }

    /// The same with a certificate that has expired.
    pub(crate) fn expired_acceptor(&self, host: &str) -> SslAcceptor {
        self.builder_until(host, &Asn1Time::from_unix(ONE_DAY).unwrap()).build()
    }

    /// The same, which sends a million session tickets after the handshake, before it reads anything: about 250 MB.
    pub(crate) fn ticket_sending_acceptor(&self, host: &str) -> SslAcceptor {
        let mut builder = self.builder_until(host, &tomorrow());
        builder.set_num_tickets(1_000_000).unwrap();
        builder.build()
    }

    fn builder_until(&self, host: &str, end: &Asn1TimeRef) -> SslAcceptorBuilder {
        let key = generate_key();
        let mut builder = builder(2, self.certificate.subject_name(), &common_name("test server"), &key, end);
        let mut names = SubjectAlternativeName::new();
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        let names = if is_address { names.ip(host) } else { names.dns(host) };
        let names = names.build(&builder.x509v3_context(Some(&self.certificate), None)).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_certificate(&builder.build()).unwrap();
        acceptor
    }
}

const ONE_DAY: i64 = 24 * 60 * 60;

fn tomorrow() -> Asn1Time {
    Asn1Time::days_from_now(1).unwrap()
}

fn generate_key() -> PKey<Private> {
    let key = EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap();
    PKey::from_ec_key(key).unwrap()
}

fn common_name(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_text("CN", name).unwrap();
    builder.build()
}

/// A certificate without extensions. It is valid from 1970 on.
fn builder(
    serial: u32,
    issuer: &X509NameRef,
    subject: &X509NameRef,
    key: &PKey<Private>,
    end: &Asn1TimeRef,
) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(end).unwrap();
    builder
}
