//! Addresses in Salla's answers that pages of ours show or link to: which of them are accepted.

use url::Url;

use crate::salla::shapes::reading::{Object, Said};

/// Bytes of an address.
const MAX_ADDRESS: usize = 2_000;
/// Salla's dashboard; paths of `urls.admin` are within it (FACTS §4.2, §4.5).
const DASHBOARD: &str = "https://s.salla.sa";

/// The address of a product's main image (only details have a thumbnail, so that lists would contradict them). Pages show it as it is: it
/// is of `https`, or none.
pub(super) fn main_image(product: &Object<'_, '_>) -> Said<String> {
    let said = product.text("main_image");
    let Said::Value(text) = &said else { return said };
    let is_address = text.len() <= MAX_ADDRESS
        && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
    if is_address {
        return said;
    }
    product.note("main_image");
    Said::Nothing
}

/// The page of an order in Salla's dashboard. Salla says a path, of other things a whole address. One that leads elsewhere, or carries anything
/// beside the path, is not accepted: merchants follow it.
pub(super) fn admin_url(order: &Object<'_, '_>) -> Option<String> {
    let urls = order.object("urls").value()?;
    let said = urls.text("admin").value()?;
    let page = page_of_dashboard(&said);
    if page.is_none() {
        urls.note("admin");
    }
    page
}

fn page_of_dashboard(said: &str) -> Option<String> {
    let dashboard = Url::parse(DASHBOARD).expect("it is an address");
    let url = dashboard.join(said).ok()?;
    let is_page = (said.starts_with('/') || said.starts_with(dashboard.as_str()))
        && url.origin() == dashboard.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() != "/"
        && url.as_str().len() <= MAX_ADDRESS;
    is_page.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::salla::shapes::reading::Notes;

    #[test]
    fn an_image_is_an_address_of_https_and_one_that_cannot_be_read_takes_none_away() {
        let read = |row: Value| {
            let (row, notes) = (row.to_string(), Notes::default());
            match main_image(&Object::parse(&row, String::new(), &notes).expect("an object")) {
                Said::Value(image) => (Some(image), false),
                Said::Empty => (None, true),
                Said::Nothing => (None, false),
            }
        };
        let main = "https://cdn.salla.sa/a/b.jpg";
        assert_eq!(read(json!({"id": 1, "main_image": main})), (Some(main.to_owned()), false));
        assert_eq!(read(json!({"id": 1, "thumbnail": main})), (None, false), "nothing is said of it");
        assert_eq!(read(json!({"id": 1, "main_image": null})), (None, true), "there is none");
        assert_eq!(read(json!({"id": 1})), (None, false), "nothing is said of it");
        let long = format!("https://cdn.salla.sa/{}", "a".repeat(MAX_ADDRESS));
        for odd in
            ["javascript:alert(1)", "http://cdn.salla.sa/b.jpg", "b.jpg", "https://u@cdn.salla.sa/", &long]
        {
            assert_eq!(read(json!({"id": 1, "main_image": odd})), (None, false), "{odd}");
        }
    }

    #[test]
    fn the_page_of_an_order_is_within_sallas_dashboard_and_carries_nothing() {
        let read = |urls: Value| {
            let (row, notes) = (json!({"id": 1, "urls": urls}).to_string(), Notes::default());
            let page = admin_url(&Object::parse(&row, String::new(), &notes).expect("an object"));
            (page, !notes.finish().0.is_empty())
        };
        let page = (Some("https://s.salla.sa/orders/order/wRK4mBzA".to_owned()), false);
        assert_eq!(read(json!({"admin": "/orders/order/wRK4mBzA"})), page, "as the documentation has it");
        assert_eq!(read(json!({"admin": "https://s.salla.sa/orders/order/wRK4mBzA"})), page);
        let long = format!("/orders/{}", "a".repeat(MAX_ADDRESS));
        for odd in [
            "//evil.example/orders/1",
            "/\\evil.example/orders/1",
            "https://evil.example/orders/1",
            "https://s.salla.sa.evil.example/orders/1",
            "https://s.salla.sa@evil.example/orders/1",
            "https://u:p@s.salla.sa/orders/1",
            "http://s.salla.sa/orders/1",
            "https://s.salla.sa:8443/orders/1",
            "javascript:alert(1)",
            "/orders/1?token=abc",
            "/orders/1#token=abc",
            "/",
            "x",
            "7",
            "نص عربي",
            &long,
        ] {
            assert_eq!(read(json!({"admin": odd})), (None, true), "{odd}");
        }
        for none in [json!(null), json!([]), json!({}), json!({"admin": ""}), json!({"admin": null})] {
            assert_eq!(read(none.clone()), (None, false), "{none}");
        }
        for odd in [json!("x"), json!({"admin": 7}), json!({"admin": []})] {
            assert_eq!(read(odd.clone()).0, None, "{odd}");
        }
    }
}
