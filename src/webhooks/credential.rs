//! [`Credential`]: a text that grants access.

use std::fmt;

use data_encoding::BASE64;
use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow, Result as FromSqlResult};
use diesel::expression::AsExpression;
use diesel::serialize::{Output, Result as ToSqlResult, ToSql};
use diesel::sql_types::Text;

/// A URL, headers, or a secret. `Debug` does not print it, so that no log contains it.
#[derive(Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Credential(String);

impl Credential {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Generates a secret of the Standard Webhooks specification with 256 random bits.
    ///
    /// # Errors
    /// The operating system supplies no random numbers.
    pub fn generate_secret() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("whsec_{}", BASE64.encode(&bytes))))
    }

    /// The text. Never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(***)")
    }
}

impl<DB: Backend> FromSql<Text, DB> for Credential
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> FromSqlResult<Self> {
        String::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<Text, DB> for Credential
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> ToSqlResult {
        self.0.as_str().to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_print_the_text() {
        assert_eq!(format!("{:?}", Credential::new("hush".to_owned())), "Credential(***)");
    }

    #[test]
    fn secrets_have_the_form_of_standard_webhooks() {
        let secret = Credential::generate_secret().unwrap();
        let encoded = secret.reveal().strip_prefix("whsec_").unwrap();
        assert_eq!(BASE64.decode(encoded.as_bytes()).unwrap().len(), 32);
        assert_ne!(Credential::generate_secret().unwrap(), secret);
    }
}
