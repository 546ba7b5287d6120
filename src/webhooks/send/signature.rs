//! Signs requests with HMAC-SHA256 according to the Standard Webhooks specification, version 1.

use data_encoding::BASE64;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// The prefix of a secret. The key follows in base64.
const PREFIX: &str = "whsec_";

/// The key in a secret. `None` if the secret is not valid.
fn key(secret: &str) -> Option<Vec<u8>> {
    BASE64.decode(secret.strip_prefix(PREFIX)?.as_bytes()).ok().filter(|key| !key.is_empty())
}

/// Whether requests can be signed with the secret.
#[must_use]
pub fn is_valid_secret(secret: &str) -> bool {
    key(secret).is_some()
}

/// The value of `webhook-signature`: a signature for each secret, separated by spaces. `None` if a secret is not valid.
/// `timestamp` is in seconds since 1970.
pub(super) fn sign(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let signatures: Option<Vec<String>> =
        secrets.iter().map(|secret| signature(&key(secret)?, id, timestamp, body).ok()).collect();
    signatures.filter(|signatures| !signatures.is_empty()).map(|signatures| signatures.join(" "))
}

fn signature(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> Result<String, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    signer.update(format!("{id}.{timestamp}.").as_bytes())?;
    signer.update(body)?;
    Ok(format!("v1,{}", BASE64.encode(&signer.sign_to_vec()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn signs_the_example_of_the_specification() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let signed = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn every_secret_signs() {
        let secrets = ["whsec_AAAA", "whsec_BBBB"].map(str::to_owned);
        let signed = sign(&secrets, "id", 1, b"{}").unwrap();
        let expected = secrets.map(|secret| sign(&[secret], "id", 1, b"{}").unwrap());
        assert_eq!(signed, expected.join(" "));
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn an_invalid_secret_signs_nothing() {
        for secret in ["", "whsec_", "whsec_*", "AAAA"] {
            assert!(!is_valid_secret(secret), "{secret}");
            assert_eq!(sign(&["whsec_AAAA".to_owned(), secret.to_owned()], "id", 1, b"{}"), None, "{secret}");
        }
        assert_eq!(sign(&[], "id", 1, b"{}"), None);
    }
}
