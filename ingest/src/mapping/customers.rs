//! Rows of `GET /customers` and `/customers/{id}`, and customers of webhooks (FACTS §4.4).

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::CustomerObservation;
use qafila_schemas::sealed::SubjectId;

use super::orders::say;
use super::people::{country_code, email, phone_text};
use super::{Document, Provenance, Unmappable, Unsealed, creation, document_id, observation, row_id};
use crate::salla::shapes::amounts::currency_code;
use crate::salla::shapes::reading::{Notes, Object, Reading, Said};
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
    let written = written_day(&customer);
    let birthday =
        customer.instant("birthday").map(|at| written.unwrap_or_else(|| day(at.to_utc())).to_string());
    say(birthday, "birthday", &mut seen.birthday, &mut empty);
    say(customer.text("city"), "city", &mut seen.city, &mut empty);
    say(country_code(&customer), "country_code", &mut seen.country_code, &mut empty);
    say(customer.text("location"), "location", &mut seen.location, &mut empty);
    seen.currency = customer.text("currency").value().and_then(|code| currency_code(&code));
    seen.groups = match customer.list("groups") {
        Said::Value(groups) => {
            let ids: Vec<i64> = groups.iter().filter_map(|raw| group(raw)).collect();
            let is_whole = ids.len() == groups.len();
            if !is_whole {
                customer.note("groups");
            }
            // A list of which a part cannot be read would take groups away.
            is_whole.then_some(ids)
        }
        Said::Empty => Some(Vec::new()),
        Said::Nothing => None,
    };
    seen.salla_updated_at = customer.instant("updated_at").value();
    seen.created_at = creation(&customer, "created_at");
    drop(customer);
    let mut observation = observation(provenance, Entity::Customer, id);
    observation.customer = Some(Box::new(seen));
    Ok(Unsealed::noted(observation, Some(SubjectId::Customer(id)), empty, notes))
}

/// The id of a group: a number alone, or an object's.
fn group(raw: &str) -> Option<i64> {
    match raw_id(raw) {
        Reading::Value(id) => Some(id),
        _ => row_id(raw),
    }
}

/// The day of a birthday, which Salla writes as midnight in Riyadh.
fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&riyadh()).date_naive()
}

/// The day of a birthday as it is written, where it is written as midnight: a birthday has no zone.
fn written_day(customer: &Object<'_, '_>) -> Option<NaiveDate> {
    let text = if customer.raw("birthday")?.starts_with('{') {
        customer.object("birthday").value()?.text("date").value()?
    } else {
        customer.text("birthday").value()?
    };
    let (day, time) = text.split_at_checked("1997-06-03".len())?;
    let is_midnight =
        time.is_empty() || [" 00:00", "T00:00"].iter().any(|midnight| time.starts_with(midnight));
    day.parse().ok().filter(|_| is_midnight)
}

/// Whether a customer has a name or an address: one without tells so little that it is fetched, too.
pub fn names_somebody(unsealed: &Unsealed) -> bool {
    let customer = unsealed.observation.customer.as_ref();
    customer
        .is_some_and(|c| [&c.first_name, &c.last_name, &c.phone, &c.email].iter().any(|text| text.is_some()))
}

#[cfg(test)]
mod tests {
    use qafila_schemas::open_set::Source;
    use serde_json::{Value, json};

    use super::super::testing::provenance;
    use super::*;

    fn customer(field: &str, value: Value) -> CustomerObservation {
        let mut row = json!({"id": 7, "first_name": "a"});
        row[field] = value;
        let seen = from_row(&row.to_string(), &provenance(Source::List)).expect("a row");
        *seen.observation.customer.expect("a customer")
    }

    #[test]
    fn a_birthday_is_the_day_that_is_written_whatever_its_zone() {
        let php = |date: &str, zone: &str| json!({"date": date, "timezone_type": 3, "timezone": zone});
        for (birthday, day) in [
            (php("1997-06-03 00:00:00.000000", "Asia/Riyadh"), "1997-06-03"),
            (php("1997-06-03 00:00:00.000000", "Asia/Dubai"), "1997-06-03"),
            (php("1990-06-03 00:00:00.000000", "Asia/Baghdad"), "1990-06-03"),
            (json!("1940-01-01"), "1940-01-01"),
            (json!("1997-06-02T21:00:00Z"), "1997-06-03"),
        ] {
            assert_eq!(customer("birthday", birthday.clone()).birthday.as_deref(), Some(day), "{birthday}");
        }
    }

    #[test]
    fn a_mobile_of_zeros_is_none_as_php_writes_it() {
        for none in [json!(0), json!("0"), json!("000"), json!(null), json!(0.0)] {
            let row = json!({"id": 7, "mobile": none, "mobile_code": "+966"});
            let seen = from_row(&row.to_string(), &provenance(Source::List)).expect("a row").observation;
            assert!(seen.empty.contains(&"phone".to_owned()), "{none}: {:?}", seen.empty);
            assert_eq!(seen.customer.expect("a customer").phone, None, "{none}");
        }
    }

    #[test]
    fn groups_of_which_one_cannot_be_read_take_none_away() {
        assert_eq!(customer("groups", json!([1, "2", {"id": 3, "name": "VIP"}])).groups, Some(vec![1, 2, 3]));
        assert_eq!(customer("groups", json!([1, "VIP"])).groups, None);
        assert_eq!(customer("groups", json!([])).groups, Some(vec![]));
    }
}
