//! Rows of `GET /customers` and `/customers/{id}` (FACTS §4.4).

use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{CustomerObservation, CustomerProfile};
use qafila_schemas::sealed::Subject;
use serde::Deserialize;

use super::values::{PhpDate, id, lenient, optional_text, phone, riyadh};
use super::{Provenance, Unmappable, Unsealed, observation, read};

#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "id")]
    id: i64,
    #[serde(default, deserialize_with = "optional_text")]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    last_name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    mobile: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    mobile_code: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    gender: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    birthday: Option<PhpDate>,
    #[serde(default, deserialize_with = "optional_text")]
    city: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    country_code: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    location: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    groups: Option<Vec<i64>>,
    #[serde(default)]
    updated_at: Option<PhpDate>,
    #[serde(default)]
    created_at: Option<PhpDate>,
}

/// Maps one customer.
pub fn from_row(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let row: Row = read(row)?;
    let birthday = row.birthday.map(|date| date.0.to_utc().with_timezone(&riyadh()).date_naive().to_string());
    let profile = CustomerProfile {
        first_name: row.first_name,
        last_name: row.last_name,
        phone: phone(row.mobile_code.as_deref(), row.mobile.as_deref()),
        email: row.email.map(|email| email.to_lowercase()),
        gender: row.gender,
        birthday,
        city: row.city,
        country_code: row.country_code.map(|code| code.to_ascii_uppercase()),
        location: row.location,
        currency: row.currency.map(|code| super::values::currency(&code)),
        groups: row.groups.unwrap_or_default(),
        salla_updated_at: row.updated_at.map(|date| date.0),
    };
    let mut seen = observation(provenance, Entity::Customer, row.id);
    seen.customer = Some(Box::new(CustomerObservation {
        created_at: row.created_at.map(|date| date.0),
        profile: Some(profile),
    }));
    Ok(Unsealed { observation: seen, subject: Some(Subject::Customer(row.id)) })
}

/// Whether a customer has a name or an address: one without tells too little to replace what is known.
pub fn names_somebody(unsealed: &Unsealed) -> bool {
    let profile = unsealed.observation.customer.as_ref().and_then(|customer| customer.profile.as_ref());
    profile
        .is_some_and(|p| [&p.first_name, &p.last_name, &p.phone, &p.email].iter().any(|text| text.is_some()))
}
