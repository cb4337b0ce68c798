//! Rows of `GET /products` and `/products/{id}`, and products of webhooks (FACTS §4.5).

use qafila_schemas::amount::Amount;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::ProductObservation;

use super::orders::{is_sku, say};
use super::{Document, Provenance, Unmappable, Unsealed, addresses, document_id, observation, row_currency};
use crate::salla::shapes::amounts::Currency;
use crate::salla::shapes::reading::{Notes, Object, Reading, Said};
use crate::salla::shapes::values::{is_empty_object, text};

/// Maps one product.
pub fn from_row(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let document = Document::read(row);
    let notes = Notes::default();
    let product = document.object(&notes)?;
    let id = document_id(&product)?;
    let (mut seen, mut empty) = (ProductObservation::default(), Vec::new());
    seen.name = product.text("name").value();
    let sku = match product.text("sku") {
        Said::Value(sku) if !is_sku(&sku) => Said::Empty,
        said => said,
    };
    say(sku, "sku", &mut seen.sku, &mut empty);
    seen.variant_skus = match product.objects("skus") {
        Said::Value((variants, true)) => Some(
            variants
                .iter()
                .filter_map(|variant| variant.text("sku").value().filter(|sku| is_sku(sku)))
                .collect(),
        ),
        Said::Empty => Some(Vec::new()),
        // A list of which a part cannot be read would take variants away.
        Said::Value((_, false)) | Said::Nothing => None,
    };
    say(product.text("type"), "kind", &mut seen.kind, &mut empty);
    say(product.text("status"), "status", &mut seen.status, &mut empty);
    let currency = prices(&product, provenance, &mut seen, &mut empty);
    say(product.flag("unlimited_quantity"), "unlimited_quantity", &mut seen.unlimited_quantity, &mut empty);
    say(product.flag("is_available"), "is_available", &mut seen.is_available, &mut empty);
    match (product.whole("quantity"), seen.unlimited_quantity) {
        // What is not counted has no number.
        (_, Some(true)) => empty.push("quantity".into()),
        (said, _) => say(said, "quantity", &mut seen.quantity, &mut empty),
    }
    say(product.whole("sold_quantity"), "sold_quantity", &mut seen.sold_quantity, &mut empty);
    say(brand(&product), "brand", &mut seen.brand, &mut empty);
    say(addresses::main_image(&product), "image", &mut seen.image, &mut empty);
    seen.categories = categories(&product);
    seen.salla_updated_at = product.instant("updated_at").value();
    drop(product);
    let mut observation = observation(provenance, Entity::Product, id);
    observation.product = Some(Box::new(seen));
    Ok(Unsealed::noted(observation, None, empty, notes).with_currency(currency.as_ref()))
}

/// Says what the prices are of.
fn prices(
    product: &Object<'_, '_>,
    provenance: &Provenance,
    seen: &mut ProductObservation,
    empty: &mut Vec<String>,
) -> Option<Currency> {
    let around = provenance.market.currency_of(product);
    let money = |name: &str| product.money(name, &around);
    let (price, regular, sale, cost) =
        (money("price"), money("regular_price"), money("sale_price"), money("cost_price"));
    let currency = row_currency([&price, &regular, &sale, &cost], &around);
    seen.currency = currency.as_ref().map(|currency| currency.code.clone());
    say(price.map(|money| money.amount), "price", &mut seen.price, empty);
    say(regular.map(|money| money.amount), "regular_price", &mut seen.regular_price, empty);
    let sale = match sale.map(|money| money.amount) {
        // Salla writes 0 where there is no sale.
        Said::Value(Amount::ZERO) => Said::Empty,
        said => said,
    };
    say(sale, "sale_price", &mut seen.sale_price, empty);
    say(cost.map(|money| money.amount), "cost_price", &mut seen.cost_price, empty);
    currency
}

/// The name of a brand: an object's, or a text alone.
fn brand(product: &Object<'_, '_>) -> Said<String> {
    match product.raw("brand") {
        Some(raw) if is_empty_object(raw) => Said::Empty,
        Some(raw) if raw.starts_with('"') => product.text("brand"),
        Some(_) => match product.object("brand") {
            Said::Value(brand) => brand.text("name"),
            Said::Empty => Said::Empty,
            Said::Nothing => Said::Nothing,
        },
        None => Said::Nothing,
    }
}

/// The names of categories: of objects, or texts; one that has none is left out.
fn categories(product: &Object<'_, '_>) -> Option<Vec<String>> {
    let raw = product.raw("categories")?;
    if raw.starts_with('"') {
        return product.text("categories").value().map(|name| vec![name]).or(Some(Vec::new()));
    }
    match product.list("categories") {
        Said::Value(rows) => {
            let names: Vec<String> = rows.iter().filter_map(|row| category(row)).collect();
            let is_whole = names.len() == rows.len();
            if !is_whole {
                product.note("categories");
            }
            is_whole.then_some(names)
        }
        Said::Empty => Some(Vec::new()),
        Said::Nothing => None,
    }
}

fn category(row: &str) -> Option<String> {
    let notes = Notes::default();
    match Object::parse(row, String::new(), &notes) {
        Some(category) => category.text("name").value(),
        None => match text(row) {
            Reading::Value(name) if row.starts_with('"') => Some(name),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use qafila_schemas::open_set::Source;
    use serde_json::{Value, json};

    use super::super::testing::provenance;
    use super::*;

    fn product(field: &str, value: Value) -> ProductObservation {
        let mut row = json!({"id": 1, "name": "tea", "price": {"amount": 5, "currency": "SAR"}, "brand": {"name": "b"}});
        row[field] = value;
        *from_row(&row.to_string(), &provenance(Source::List))
            .expect("it maps")
            .observation
            .product
            .expect("a product")
    }

    #[test]
    fn nought_is_no_sku() {
        for none in [json!(0), json!("0"), json!("000"), json!("")] {
            assert_eq!(product("sku", none.clone()).sku, None, "{none}");
        }
        assert_eq!(product("sku", json!(17)).sku.as_deref(), Some("17"));
        let variants = json!([{"sku": "0"}, {"sku": "a-1"}, {"sku": 7}]);
        assert_eq!(product("skus", variants).variant_skus, Some(vec!["a-1".into(), "7".into()]));
    }

    #[test]
    fn brand_and_categories_are_objects_or_texts() {
        assert_eq!(product("brand", json!("Lipton")).brand.as_deref(), Some("Lipton"));
        assert_eq!(product("brand", json!(["x"])).brand, None);
        assert_eq!(
            product("categories", json!([{"name": "a"}, "b"])).categories,
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(
            product("categories", json!([{"name": "a"}, "b", 5])).categories,
            None,
            "5 takes none away"
        );
        assert_eq!(product("skus", json!([{"sku": "a"}, 5])).variant_skus, None, "5 takes none away");
        assert_eq!(product("skus", json!([])).variant_skus, Some(vec![]));
        assert_eq!(product("categories", json!("a")).categories, Some(vec!["a".into()]));
        assert_eq!(product("categories", json!({"1": {"name": "a"}})).categories, Some(vec!["a".into()]));
        assert_eq!(product("categories", json!(true)).categories, None);
    }

    #[test]
    fn prices_have_many_spellings() {
        let price = |value| product("price", value).price.map(|price| price.to_string());
        assert_eq!(price(json!("302.50")).as_deref(), Some("302.5000"));
        assert_eq!(price(json!(302.5)).as_deref(), Some("302.5000"));
        assert_eq!(
            price(json!({"amount": 86.956_521_739_13, "currency": "SAR"})).as_deref(),
            Some("86.9565")
        );
        assert_eq!(
            product("cost_price", json!("1,250.00")).cost_price.map(|c| c.to_string()).as_deref(),
            Some("1250.0000")
        );
        assert_eq!(product("sale_price", json!({"amount": "", "currency": "SAR"})).sale_price, None);
        assert_eq!(product("quantity", json!("10.0")).quantity, Some(10));
        assert_eq!(product("quantity", json!("2.5")).quantity, None);
        let mapped = from_row(r#"{"id": 1, "unlimited_quantity": true}"#, &provenance(Source::List));
        let empty = mapped.expect("it maps").observation.empty;
        assert!(empty.contains(&"quantity".to_owned()), "what is no longer counted has no number: {empty:?}");
    }

    #[test]
    fn an_image_that_is_there_no_more_is_said_to_be_none() {
        let empty = |row: &str| from_row(row, &provenance(Source::List)).expect("it maps").observation.empty;
        assert!(empty(r#"{"id": 1, "main_image": null}"#).contains(&"image".to_owned()));
        assert!(!empty(r#"{"id": 1}"#).contains(&"image".to_owned()), "nothing is said of it");
    }
}
