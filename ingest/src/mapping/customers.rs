//! Rows of `GET /customers` and `/customers/{id}`, and customers of webhooks (FACTS §4.4).

use chrono::{DateTime, Utc};
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::CustomerObservation;
use qafila_schemas::sealed::Subject;

use super::orders::say;
use super::people::{country_code, email, phone_text};
use super::{Document, Provenance, Unmappable, Unsealed, document_id, observation};
use crate::salla::shapes::amounts::currency_code;
use crate::salla::shapes::reading::{Notes, Reading, Said};
use crate::salla::shapes::values::{raw_id, riyadh};

/// Maps one customer.
pub fn from_row(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let document = Document::read(row);
    let notes = Notes::default();
    let customer = document.object(&notes)?;
    let id = document_id(&customer)?;
    let (mut seen, mut empty) = (CustomerObservation::default(), Vec::new());
    let phone = phone_text(&customer, "mobile", Some("mobile_code"), provenance.market.country());
    say(customer.text("first_name"), "first_name", &mut seen.first_name, &mut empty);
    say(customer.text("last_name"), "last_name", &mut seen.last_name, &mut empty);
    say(phone, "phone", &mut seen.phone, &mut empty);
    say(email(&customer), "email", &mut seen.email, &mut empty);
    say(customer.text("gender"), "gender", &mut seen.gender, &mut empty);
    say(customer.instant("birthday").map(|at| day(at.to_utc())), "birthday", &mut seen.birthday, &mut empty);
    say(customer.text("city"), "city", &mut seen.city, &mut empty);
    say(country_code(&customer), "country_code", &mut seen.country_code, &mut empty);
    say(customer.text("location"), "location", &mut seen.location, &mut empty);
    seen.currency = customer.text("currency").value().and_then(|code| currency_code(&code));
    seen.groups = match customer.list("groups") {
        Said::Value(groups) => {
            let ids: Vec<i64> = groups.iter().filter_map(|raw| id_of(raw)).collect();
            if ids.len() < groups.len() {
                customer.note("groups");
            }
            Some(ids)
        }
        Said::Empty => Some(Vec::new()),
        Said::Nothing => None,
    };
    seen.salla_updated_at = customer.instant("updated_at").value();
    seen.created_at = customer.instant("created_at").value();
    drop(customer);
    let mut observation = observation(provenance, Entity::Customer, id);
    observation.customer = Some(Box::new(seen));
    Ok(Unsealed::noted(observation, Some(Subject::Customer(id)), empty, notes))
}

fn id_of(raw: &str) -> Option<i64> {
    match raw_id(raw) {
        Reading::Value(id) => Some(id),
        _ => None,
    }
}

/// The day of a birthday, which Salla writes as midnight in Riyadh.
fn day(at: DateTime<Utc>) -> String {
    at.with_timezone(&riyadh()).date_naive().to_string()
}

/// Whether a customer has a name or an address: one without tells so little that it is fetched, too.
pub fn names_somebody(unsealed: &Unsealed) -> bool {
    let customer = unsealed.observation.customer.as_ref();
    customer
        .is_some_and(|c| [&c.first_name, &c.last_name, &c.phone, &c.email].iter().any(|text| text.is_some()))
}
