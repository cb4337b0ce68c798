//! Salla's real samples through the anti-corruption layer.

use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::seal::seal_all;
use qafila_ingest::mapping::{Provenance, Unmappable, Unsealed, customers, orders, products};
use qafila_schemas::envelope::Key;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::sealed::{Contact, KeyStore, KeyStoreError, Subject, SubjectId, SubjectKey, key_id};
use serde_json::Value;

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/salla-sim/samples").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a sample")).expect("JSON")
}

fn provenance() -> Provenance {
    Provenance {
        merchant_id: MerchantId::default(),
        connection_id: ConnectionId::default(),
        store_id: 7,
        market: Market::default(),
        source: Source::List,
        observed_at: Millis(1_000),
    }
}

/// One key for everybody, its id the subject's.
struct Keys;

#[async_trait]
impl KeyStore for Keys {
    async fn keys_for_sealing(
        &self,
        _merchant: MerchantId,
        subjects: &[Subject],
    ) -> Result<HashMap<Subject, SubjectKey>, KeyStoreError> {
        let key = |subject: &Subject| match subject.id {
            SubjectId::Customer(id) | SubjectId::Order(id) | SubjectId::Cart(id) => {
                SubjectKey::Live { id, key: Key::new([7; 32]) }
            }
        };
        Ok(subjects.iter().map(|subject| (*subject, key(subject))).collect())
    }

    async fn keys_for_opening(
        &self,
        _: MerchantId,
        _: &[i64],
    ) -> Result<HashMap<i64, SubjectKey>, KeyStoreError> {
        Ok(HashMap::new())
    }

    async fn remember(&self, _: MerchantId, _: &[(i64, Contact)]) -> Result<(), KeyStoreError> {
        Ok(())
    }

    async fn subjects_with(
        &self,
        _: MerchantId,
        _: i64,
        _: &[Contact],
        _: i64,
    ) -> Result<Vec<Subject>, KeyStoreError> {
        Ok(vec![])
    }
}

async fn sealed(mapped: Result<Unsealed, Unmappable>) -> Observation {
    let unsealed = mapped.expect("the sample maps");
    seal_all(&Keys, MerchantId::default(), vec![unsealed]).await.expect("sealed").observations.remove(0)
}

#[tokio::test]
async fn both_documented_order_rows_map_although_one_lacks_payment_and_has_no_amount() {
    let list = sample("orders.list.json");
    let one = sealed(orders::from_list(&list["data"][0].to_string(), &provenance())).await;
    let order = one.order.expect("an order");
    assert_eq!((one.salla_id, order.reference_id), (1_017_120_475, Some(40_497_536)));
    assert_eq!(order.created_at.map(|at| at.to_string()).as_deref(), Some("2022-06-16T11:48:20.000Z"));
    assert_eq!(order.payment_method.as_deref(), Some("bank"));
    assert_eq!(order.total.map(|total| total.to_string()).as_deref(), Some("55.0000"));
    assert_eq!(order.currency.as_deref(), Some("SAR"));
    assert_eq!(order.custom_status_name.as_deref(), Some("بإنتظار المراجعة"));
    assert!(!order.lines_complete);
    assert_eq!(order.lines.expect("lines")[0].name.as_deref(), Some("تي شيرت بلاك"));

    let two = sealed(orders::from_list(&list["data"][1].to_string(), &provenance())).await;
    let order = two.order.expect("an order");
    assert!(order.payment_method.is_none(), "a payment that the row does not name is unknown, not empty");
    assert!(!two.empty.contains(&"payment_method".to_owned()));
    assert_eq!(order.status_slug.as_deref(), Some("canceled"));
}

#[tokio::test]
async fn customers_map_and_every_personal_field_is_sealed_under_the_customers_key() {
    let list = sample("customers.list.json");
    let observation = sealed(customers::from_row(&list["data"][0].to_string(), &provenance())).await;
    let profile = observation.customer.expect("a profile");
    let personal =
        [&profile.first_name, &profile.last_name, &profile.phone, &profile.email, &profile.location];
    for field in personal {
        let text = field.as_deref().expect("present in the sample");
        assert_eq!(key_id(text), Some(2_075_683_582), "{text}");
    }
    let key = SubjectKey::Live { id: 2_075_683_582, key: Key::new([7; 32]) };
    assert_eq!(profile.phone.and_then(|p| key.open(&p)).as_deref(), Some("+967777777777"));
    assert_eq!(
        (profile.city.as_deref(), profile.groups.map(|groups| groups.len())),
        (Some("Riyadh"), Some(2))
    );
    let second = sealed(customers::from_row(&list["data"][1].to_string(), &provenance())).await;
    let location = second.customer.and_then(|c| c.location);
    assert_eq!(location, None, "the text \"null\" is no address");
}

#[tokio::test]
async fn every_captured_product_maps() {
    let list = sample("products.list.json");
    for row in list["data"].as_array().expect("rows") {
        let observation = sealed(products::from_row(&row.to_string(), &provenance())).await;
        let core = observation.product.expect("a product");
        assert!(core.name.is_some());
        assert_eq!(observation.unreadable, [""; 0]);
        assert_eq!(core.currency.as_deref(), Some("SAR"));
    }
    let details = sample("product.details.json");
    let observation = sealed(products::from_row(&details["data"].to_string(), &provenance())).await;
    let core = observation.product.expect("a product");
    assert_eq!(core.cost_price.map(|c| c.to_string()).as_deref(), Some("35.0000"), "a price spelt as text");
    assert_eq!(core.sale_price, None, "0 is no sale");
    assert_eq!(core.quantity, None, "stock is unlimited");
}

#[test]
fn only_a_document_without_an_id_is_refused_and_its_values_stay_out_of_the_reason() {
    let mut row = sample("customers.list.json")["data"][0].clone();
    row["id"] = Value::String("abc-secret".into());
    let error = customers::from_row(&row.to_string(), &provenance()).expect_err("does not map");
    assert_eq!(error.path, "/id");
    assert!(!error.reason.contains("secret"), "{error}");
    for broken in ["", "null", "[]", "{}", "{\"total\":1}", "\"x\""] {
        assert!(orders::from_list(broken, &provenance()).is_err(), "{broken:?}");
    }
    assert_eq!(orders::from_list("{\"id\":1}", &provenance()).expect("an id is enough").salla_id(), 1);
}

#[tokio::test]
async fn an_odd_field_is_named_by_its_path_and_costs_nothing_else() {
    let mut row = sample("orders.list.json")["data"][0].clone();
    row["total"]["amount"] = Value::String("سر خاص".into());
    let observation = sealed(orders::from_list(&row.to_string(), &provenance())).await;
    assert_eq!(observation.unreadable, ["/total"]);
    let order = observation.order.expect("an order");
    assert_eq!((order.total, order.status_slug.as_deref()), (None, Some("under_review")));
}

#[test]
fn ids_may_be_text_and_empty_objects_may_be_anything_php_makes_of_them() {
    for (field, empty) in
        [("customized", "[]"), ("customized", "{}"), ("customized", "\"\""), ("customized", "null")]
    {
        let mut row = sample("orders.list.json")["data"][0].clone();
        row["id"] = Value::String("1017120475".into());
        row["status"][field] = serde_json::from_str(empty).expect("JSON");
        let mapped = orders::from_list(&row.to_string(), &provenance()).expect("maps");
        assert_eq!(mapped.salla_id(), 1_017_120_475);
    }
}

/// Fields of class `personal` in the schema, anywhere below.
fn personal_fields(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| personal_fields(branch, found)),
        Value::Object(object) => {
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                if field["privacy"] == "personal" {
                    found.push(field["name"].as_str().unwrap_or_default().to_owned());
                }
                personal_fields(&field["type"], found);
            }
            if let Some(items) = object.get("items") {
                personal_fields(items, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_the_schema_calls_personal_is_sealed_by_the_mapper() {
    let schema: Value = serde_json::from_str(Observation::SCHEMA).expect("JSON");
    let mut fields = Vec::new();
    personal_fields(&schema, &mut fields);
    let sealing = include_str!("../src/mapping/seal.rs");
    assert!(fields.len() >= 15, "{fields:?}");
    for field in fields {
        assert!(sealing.contains(&format!(".{field}")), "{field} is personal and not sealed");
    }
}
