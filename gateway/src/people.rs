//! Finding people by exact e-mail or phone, or by whole words of their name (API.md): parameters `email`, `phone` and `name` of lists.

use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::phones::{Phone, phone};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, SubjectId};
use qafila_schemas::words::rule::Rule;

use crate::app::App;
use crate::call::Call;
use crate::problem::Problem;

const MAX_LENGTH: usize = 254;

/// What is known of a person now.
#[derive(Debug, Clone, Copy)]
pub struct Known<'p> {
    /// First and last name, or the whole one.
    pub names: [Option<&'p str>; 2],
    /// E-mail address.
    pub email: Option<&'p str>,
    /// Phone.
    pub phone: Option<&'p str>,
}

/// The market of the merchant's store, where a parameter of the call is a phone, which may come without its country code.
pub async fn market(app: &App, merchant: MerchantId, call: &Call) -> Result<Market, Problem> {
    if call.parameters().iter().all(|(name, _)| name != "phone") {
        return Ok(Market::default());
    }
    Ok(app.connector.market(merchant).await?)
}

/// The contacts that a parameter names. A phone without a country code is of the store's country.
pub fn contacts(name: &str, value: &str, market: Market) -> Result<Vec<Contact>, Rule> {
    if value.len() > MAX_LENGTH {
        return Err(Rule::length(1, 254));
    }
    match name {
        "email" if value.contains('@') => Ok(vec![Contact::email(value)]),
        "email" => Err(Rule::email()),
        "phone" => match phone(market.country(), None, value) {
            Some(Phone::Known(number)) => Ok(vec![Contact::Phone(number)]),
            Some(Phone::Text(_)) | None => Err(Rule::phone()),
        },
        _ => {
            let words: Vec<Contact> = Contact::name_words(value).collect();
            if words.is_empty() { Err(Rule::no_word()) } else { Ok(words) }
        }
    }
}

/// Whether somebody has all of the contacts now. A phone that was stored before its country was known is of the store's country.
pub fn has(person: Known<'_>, contacts: &[Contact], market: Market) -> bool {
    let words: Vec<Contact> = person.names.into_iter().flatten().flat_map(Contact::name_words).collect();
    contacts.iter().all(|contact| match contact {
        Contact::Email(_) => person.email.is_some_and(|email| Contact::email(email) == *contact),
        Contact::Phone(number) => person.phone.is_some_and(|text| {
            text == number || phone(market.country(), None, text) == Some(Phone::Known(number.clone()))
        }),
        Contact::NameWord(_) => words.contains(contact),
    })
}

/// People of a store who have or had all of the contacts, at most `limit`, newest first.
pub async fn subject_ids_with(
    keys: &dyn KeyStore,
    merchant: MerchantId,
    store_id: i64,
    contacts: &[Contact],
    limit: i64,
) -> Result<Vec<SubjectId>, Problem> {
    let subjects = keys.subjects_with(merchant, store_id, contacts, limit).await;
    let subjects = subjects.map_err(|error| Problem::unavailable("keys", &error))?;
    Ok(subjects.into_iter().map(|of| of.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person<'p>(name: Option<&'p str>, email: Option<&'p str>, phone: Option<&'p str>) -> Known<'p> {
        Known { names: [name, None], email, phone }
    }

    #[test]
    fn a_phone_that_was_stored_without_its_country_is_of_the_stores() {
        let market = Market::of_currency(Some("KWD"));
        let contact = [Contact::Phone("+96550000017".into())];
        let is = |stored: &str| has(person(None, None, Some(stored)), &contact, market);
        assert!(is("+96550000017") && is("50000017") && is("٥٠٠٠٠٠١٧"));
        assert!(!is("50000018") && !is("+966500000017") && !has(person(None, None, None), &contact, market));
        let address = [Contact::email("Sara@example.com")];
        assert!(has(person(None, Some("sara@EXAMPLE.com"), None), &address, market));
        assert!(!has(person(None, Some("other@example.com"), Some("50000017")), &address, market));
    }

    #[test]
    fn a_name_is_found_by_its_words_however_they_are_written() {
        let market = Market::default();
        let named = |value: &str| contacts("name", value, market).expect("words");
        let sara = person(Some("سارة القحطاني"), None, None);
        assert!(has(sara, &named("ساره"), market) && has(sara, &named("القحطانى سَارة"), market));
        assert!(!has(sara, &named("سار"), market), "whole words alone");
        assert!(!has(sara, &named("سارة أحمد"), market), "all of them");
        assert_eq!(contacts("name", "-", market), Err(Rule::no_word()));
    }
}
