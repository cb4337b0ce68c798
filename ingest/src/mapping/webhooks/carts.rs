//! Events of abandoned carts (FACTS §8). We read no single cart from the API, so what events tell is all there is.

use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{CartLine, CartObservation};
use qafila_schemas::sealed::SubjectId;

use super::super::orders::say;
use super::super::people::Person;
use super::super::{
    Document, Provenance, Unmappable, Unsealed, creation, document_id, observation, row_currency,
};
use crate::salla::shapes::amounts::Currency;
use crate::salla::shapes::reading::{Notes, Object, Said};

/// A cart; its status is told by the event's name or by itself. `abandoned.cart` comes of updates, too, and may tell none. Without lines it tells nothing of them, and does not empty one that has some.
pub(super) fn cart(
    data: &str,
    provenance: &Provenance,
    event_status: Option<&str>,
) -> Result<Unsealed, Unmappable> {
    let document = Document::read(data);
    let notes = Notes::default();
    let cart = document.object(&notes)?;
    let id = document_id(&cart)?;
    let (mut seen, mut empty) = (CartObservation::default(), Vec::new());
    seen.created_at = creation(&cart, "created_at");
    seen.salla_updated_at = cart.instant("updated_at").value();
    seen.status = event_status.map(str::to_owned).or_else(|| cart.text("status").value());
    let currency = amounts(&cart, provenance, &mut seen, &mut empty);
    say(cart.text("checkout_url"), "checkout_url", &mut seen.checkout_url, &mut empty);
    say(coupon(&cart), "coupon_code", &mut seen.coupon_code, &mut empty);
    match Person::read(&cart, "customer", provenance.market.country()) {
        Said::Value(customer) => {
            say(customer.id, "customer_id", &mut seen.customer_id, &mut empty);
            say(customer.name, "customer_name", &mut seen.customer_name, &mut empty);
            say(customer.phone, "customer_phone", &mut seen.customer_phone, &mut empty);
            say(customer.email, "customer_email", &mut seen.customer_email, &mut empty);
            say(customer.city, "city", &mut seen.city, &mut empty);
        }
        Said::Empty => empty.push("customer_id".into()),
        Said::Nothing => {}
    }
    // A list of which a part cannot be read would take lines away.
    let items = cart.objects("items").value().filter(|(_, all)| *all);
    seen.lines = items.map(|(items, _)| items.iter().map(line).collect());
    drop(cart);
    let subject = seen.customer_id.map_or(SubjectId::Cart(id), SubjectId::Customer);
    let mut observation = observation(provenance, Entity::Cart, id);
    observation.cart = Some(Box::new(seen));
    Ok(Unsealed::noted(observation, Some(subject), empty, notes).with_currency(currency.as_ref()))
}

/// Says what the amounts are of.
fn amounts(
    cart: &Object<'_, '_>,
    provenance: &Provenance,
    seen: &mut CartObservation,
    empty: &mut Vec<String>,
) -> Option<Currency> {
    let around = provenance.market.currency_of(cart);
    let money = |name: &str| cart.money(name, &around);
    let total = money("total");
    let sub_total = money("subtotal").or(|| money("sub_total"));
    let discount = money("total_discount").or(|| money("discount"));
    let currency = row_currency([&total, &sub_total, &discount], &around);
    seen.currency = currency.as_ref().map(|currency| currency.code.clone());
    seen.total = total.value().map(|money| money.amount);
    say(sub_total.map(|money| money.amount), "sub_total", &mut seen.sub_total, empty);
    say(discount.map(|money| money.amount), "discount", &mut seen.discount, empty);
    currency
}

/// The code of a coupon: an object's, or a text alone.
fn coupon(cart: &Object<'_, '_>) -> Said<String> {
    if cart.raw("coupon").is_some_and(|raw| raw.starts_with('"')) {
        return cart.text("coupon");
    }
    match cart.object("coupon") {
        Said::Value(coupon) => coupon.text("code"),
        Said::Empty => Said::Empty,
        Said::Nothing => Said::Nothing,
    }
}

fn line(item: &Object<'_, '_>) -> CartLine {
    let within = item.object("product").value();
    CartLine {
        line_id: item.id("id").value(),
        product_id: item
            .id("product_id")
            .value()
            .or_else(|| within.and_then(|product| product.id("id").value())),
        quantity: item.decimal("quantity").value(),
    }
}
