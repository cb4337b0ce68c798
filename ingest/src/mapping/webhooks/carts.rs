//! Events of abandoned carts (FACTS §8). No answer of the API is asked for a single cart, so what an event tells is all there is.

use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{CartContent, CartLine, CartObservation, CartStatus};
use qafila_schemas::sealed::Subject;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::order_details::Customer;
use super::super::values::{Money, Number, PhpDate, currency, id, lenient, optional_id, optional_text};
use super::super::{Provenance, Unmappable, Unsealed, observation, read};

#[derive(Deserialize)]
struct Cart {
    #[serde(deserialize_with = "id")]
    id: i64,
    total: Total,
    #[serde(default, deserialize_with = "lenient")]
    subtotal: Option<Total>,
    #[serde(default, deserialize_with = "lenient")]
    total_discount: Option<Total>,
    #[serde(default, deserialize_with = "optional_text")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    checkout_url: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<PhpDate>,
    #[serde(default, deserialize_with = "lenient")]
    updated_at: Option<PhpDate>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Customer>,
    #[serde(default, deserialize_with = "lenient")]
    coupon: Option<Coupon>,
    #[serde(default, deserialize_with = "lenient")]
    items: Option<Vec<Line>>,
}

/// Money, or a bare number in `abandoned.cart.purchased` (FACTS §5).
#[derive(Deserialize)]
#[serde(transparent)]
struct Total(Box<RawValue>);

impl Total {
    fn read(&self, fallback: Option<&str>, path: &str) -> Result<(Number, String), Unmappable> {
        let at_path = |error: Unmappable| Unmappable { path: format!("{path}{}", error.path), ..error };
        if self.0.get().starts_with('{') {
            let money: Money = read(self.0.get()).map_err(at_path)?;
            return Ok((money.amount, currency(&money.currency)));
        }
        let number: Number = read(self.0.get()).map_err(at_path)?;
        // Salla's stores sell in riyals unless they say otherwise.
        Ok((number, fallback.map_or_else(|| "SAR".to_owned(), currency)))
    }
}

#[derive(Deserialize)]
struct Coupon {
    #[serde(default, deserialize_with = "optional_text")]
    code: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "optional_id")]
    product_id: Option<i64>,
    quantity: Number,
}

/// A whole cart; its status is told by itself or by the event. Without lines it is not whole, and must not empty one that is.
pub(super) fn whole(data: &str, provenance: &Provenance, event_status: &str) -> Result<Unsealed, Unmappable> {
    let cart: Cart = read(data)?;
    let code = cart.currency.as_deref();
    let (total, currency) = cart.total.read(code, "/total")?;
    let amount = |part: Option<Total>, path: &str| {
        part.map(|part| part.read(code, path).map(|(amount, _)| amount.0)).transpose()
    };
    let subject = cart.customer.as_ref().map_or(Subject::Cart(cart.id), |c| Subject::Customer(c.id));
    let mut content = CartContent {
        total: total.0,
        sub_total: amount(cart.subtotal, "/subtotal")?,
        discount: amount(cart.total_discount, "/total_discount")?,
        currency,
        customer_id: None,
        customer_name: None,
        customer_phone: None,
        customer_email: None,
        checkout_url: cart.checkout_url,
        city: None,
        coupon_code: cart.coupon.and_then(|coupon| coupon.code),
        salla_updated_at: cart.updated_at.map(|date| date.0),
        lines: cart.items.unwrap_or_default().into_iter().map(line).collect(),
    };
    if let Some(customer) = cart.customer {
        content.customer_id = Some(customer.id);
        content.customer_name = customer.full_name();
        content.customer_phone = customer.phone();
        content.customer_email = customer.email();
        content.city = customer.city;
    }
    let mut seen = observation(provenance, Entity::Cart, cart.id);
    seen.cart = Some(Box::new(CartObservation {
        created_at: cart.created_at.map(|date| date.0),
        content: (!content.lines.is_empty()).then_some(content),
        status: Some(CartStatus { status: cart.status.unwrap_or_else(|| event_status.to_owned()) }),
    }));
    Ok(Unsealed { observation: seen, subject: Some(subject) })
}

/// What became of a cart.
pub(super) fn status(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    #[derive(Deserialize)]
    struct Changed {
        #[serde(deserialize_with = "id")]
        id: i64,
        status: String,
    }
    let changed: Changed = read(data)?;
    let mut seen = observation(provenance, Entity::Cart, changed.id);
    seen.cart = Some(Box::new(CartObservation {
        created_at: None,
        content: None,
        status: Some(CartStatus { status: changed.status }),
    }));
    Ok(Unsealed { observation: seen, subject: None })
}

fn line(line: Line) -> CartLine {
    CartLine { line_id: line.id, product_id: line.product_id, quantity: line.quantity.0 }
}
