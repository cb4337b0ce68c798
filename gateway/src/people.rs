//! Finding people by exact e-mail or phone (API.md): parameters `email` and `phone` of lists.

use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::phones::{Phone, phone};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, SubjectId};
use qafila_schemas::words::rule::Rule;

use crate::app::App;
use crate::call::Call;
use crate::problem::Problem;

const LONGEST: usize = 254;

/// The market of the merchant's store, where a parameter of the call is a phone, which may come without its country code.
pub async fn market(app: &App, merchant: MerchantId, call: &Call) -> Result<Market, Problem> {
    if call.parameters().iter().all(|(name, _)| name != "phone") {
        return Ok(Market::default());
    }
    Ok(app.connector.market(merchant).await?)
}

/// The contact that a parameter names; none where it is another parameter. A phone without a country code is of the store's country.
pub fn contact(name: &str, value: &str, market: Market) -> Result<Option<Contact>, Problem> {
    let bad = |rule: Rule| Problem::invalid_field(name, rule);
    match name {
        "email" | "phone" if value.len() > LONGEST => Err(bad(Rule::length(1, 254))),
        "email" if value.contains('@') => Ok(Some(Contact::email(value))),
        "email" => Err(bad(Rule::email())),
        "phone" => match phone(market.country(), None, value) {
            Some(Phone::Known(number)) => Ok(Some(Contact::Phone(number))),
            Some(Phone::Text(_)) | None => Err(bad(Rule::phone())),
        },
        _ => Ok(None),
    }
}

/// Whether somebody with this address and this phone, as they are stored, has the contact. A phone that was stored before its country was known
/// is of the store's country.
pub fn has(email: Option<&str>, phone_text: Option<&str>, contact: &Contact, market: Market) -> bool {
    match contact {
        Contact::Email(_) => email.is_some_and(|email| Contact::email(email) == *contact),
        Contact::Phone(number) => phone_text.is_some_and(|text| {
            text == number || phone(market.country(), None, text) == Some(Phone::Known(number.clone()))
        }),
    }
}

/// Whose contact it is or was, in this store.
pub async fn subject_ids_with(
    keys: &dyn KeyStore,
    merchant: MerchantId,
    store_id: i64,
    contact: &Contact,
) -> Result<Vec<SubjectId>, Problem> {
    let subjects = keys.subjects_with(merchant, contact).await;
    let subjects = subjects.map_err(|error| Problem::unavailable("keys", &error))?;
    Ok(subjects.into_iter().filter(|of| of.store_id == store_id).map(|of| of.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_was_stored_without_its_country_is_of_the_stores() {
        let market = Market::of_currency(Some("KWD"));
        let contact = Contact::Phone("+96550000017".into());
        let is = |stored: &str| has(None, Some(stored), &contact, market);
        assert!(is("+96550000017") && is("50000017") && is("٥٠٠٠٠٠١٧"));
        assert!(!is("50000018") && !is("+966500000017") && !has(None, None, &contact, market));
        let address = Contact::email("Sara@example.com");
        assert!(has(Some("sara@EXAMPLE.com"), None, &address, market));
        assert!(!has(Some("other@example.com"), Some("50000017"), &address, market));
    }
}
