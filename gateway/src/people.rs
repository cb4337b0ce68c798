//! Finding people by exact e-mail or phone (API.md): parameters `email` and `phone` of lists.

use qafila_ingest::mapping::values::phone;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, Subject};

use crate::problem::Problem;

const LONGEST: usize = 254;

/// The contact that a parameter names; none where it is another parameter.
pub fn contact(name: &str, value: &str) -> Result<Option<Contact>, Problem> {
    let bad = |rule: &str| Problem::invalid_field(name, rule);
    match name {
        "email" | "phone" if value.len() > LONGEST => Err(bad("must have at most 254 characters")),
        "email" if value.contains('@') => Ok(Some(Contact::email(value))),
        "email" => Err(bad("must be an e-mail address")),
        "phone" => match phone(None, Some(value)) {
            Some(number) => Ok(Some(Contact::Phone(number))),
            None => Err(bad("must be a phone number with its country code, such as +966501234567")),
        },
        _ => Ok(None),
    }
}

/// Whose contact it is or was.
pub async fn subjects_with(
    keys: &dyn KeyStore,
    merchant: MerchantId,
    contact: &Contact,
) -> Result<Vec<Subject>, Problem> {
    keys.subjects_with(merchant, contact).await.map_err(|error| Problem::unavailable("keys", &error))
}
