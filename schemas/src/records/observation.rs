//! Observations: what was seen at Salla, and when it was true there.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::amount::Amount;
use crate::ids::{ConnectionId, MerchantId};
use crate::millis::Millis;
use crate::open_set::{Entity, Kind, Source};

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct OrderLine {
    /// Salla's id of the line; null in list rows.
    #[serde(default)]
    pub line_id: Option<i64>,
    /// Salla's id of the product; null where the source does not say.
    #[serde(default)]
    pub product_id: Option<i64>,
    /// How product_id was found: 'line' where the source says it with the line, 'order' where another
    /// source of the same order says it, 'sku' where it is the product with the line's SKU; null where
    /// product_id is. An open set.
    #[serde(default)]
    pub product_found_by: Option<String>,
    /// Name of the product at the time of the order.
    #[serde(default)]
    pub name: Option<String>,
    /// SKU; null where unknown or empty.
    #[serde(default)]
    pub sku: Option<String>,
    /// Units ordered.
    #[serde(default)]
    pub quantity: Option<Amount>,
    /// Price of a unit without tax, in the currency of the order.
    #[serde(default)]
    pub unit_price: Option<Amount>,
    /// Discount on the line, in the currency of the order.
    #[serde(default)]
    pub discount: Option<Amount>,
    /// Tax on the line, in the currency of the order.
    #[serde(default)]
    pub tax: Option<Amount>,
    /// Total of the line, in the currency of the order.
    #[serde(default)]
    pub total: Option<Amount>,
    /// Free-text option values and notes of the line; sealed.
    #[serde(default)]
    pub options: Option<String>,
}

/// What was seen of an order; a field of which the source says nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct OrderObservation {
    /// Order number that people see; never changes.
    #[serde(default)]
    pub reference_id: Option<i64>,
    /// When the order was placed, as this source says. Milliseconds since the Unix epoch, UTC; null
    /// where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Payment method as Salla spells it: 'mada', 'bank', 'cod', …; an open set.
    #[serde(default)]
    pub payment_method: Option<String>,
    /// Salla's id of the base status.
    #[serde(default)]
    pub status_id: Option<i64>,
    /// Slug of the base status: 'completed', 'canceled', …; an open set.
    #[serde(default)]
    pub status_slug: Option<String>,
    /// Name of the status in the language of the store.
    #[serde(default)]
    pub status_name: Option<String>,
    /// Name of the store's own sub-status.
    #[serde(default)]
    pub custom_status_name: Option<String>,
    /// Whether payment is still awaited.
    #[serde(default)]
    pub is_pending_payment: Option<bool>,
    /// Total of the order in major units of the currency.
    #[serde(default)]
    pub total: Option<Amount>,
    /// ISO 4217 code of every amount of the order.
    #[serde(default)]
    pub currency: Option<String>,
    /// Sum of the lines, in the currency of the order; Salla decides what is in it (FACTS §4.2).
    #[serde(default)]
    pub sub_total: Option<Amount>,
    /// Shipping, in the currency of the order.
    #[serde(default)]
    pub shipping_cost: Option<Amount>,
    /// Fee for cash on delivery, in the currency of the order.
    #[serde(default)]
    pub cash_on_delivery: Option<Amount>,
    /// Tax, in the currency of the order.
    #[serde(default)]
    pub tax: Option<Amount>,
    /// Sum of the discounts listed, in the currency of the order.
    #[serde(default)]
    pub discount: Option<Amount>,
    /// Salla's id of the customer.
    #[serde(default)]
    pub customer_id: Option<i64>,
    /// Where the order was placed: 'store', 'mobile-app', …; an open set.
    #[serde(default)]
    pub channel: Option<String>,
    /// Name of the customer; sealed.
    #[serde(default)]
    pub customer_name: Option<String>,
    /// Phone of the customer in E.164, or as it came where it is no number of a country; sealed.
    #[serde(default)]
    pub customer_phone: Option<String>,
    /// E-mail address of the customer; sealed.
    #[serde(default)]
    pub customer_email: Option<String>,
    /// Name of the receiver; sealed.
    #[serde(default)]
    pub receiver_name: Option<String>,
    /// Phone of the receiver; sealed. in E.164, or as it came where it is no number of a country;
    /// sealed.
    #[serde(default)]
    pub receiver_phone: Option<String>,
    /// E-mail address of the receiver; sealed.
    #[serde(default)]
    pub receiver_email: Option<String>,
    /// City of the customer as Salla names it; alone it singles nobody out.
    #[serde(default)]
    pub city: Option<String>,
    /// ISO 3166 code of the country, upper case.
    #[serde(default)]
    pub country_code: Option<String>,
    /// Salla's exchange rate of the order: '<currency of the store>:<other currency>:<units of the other
    /// for one of the store's>', such as 'SAR:USD:0.266592'; null where it says none.
    #[serde(default)]
    pub exchange_rate: Option<String>,
    /// Address (https) of the order's page in Salla's dashboard, which opens for the store's own people;
    /// null where unknown.
    #[serde(default)]
    pub admin_url: Option<String>,
    /// Salla's own time of the last change. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
    /// False where the lines are thin: name and quantity only (list rows).
    #[serde(default)]
    pub lines_complete: bool,
    /// The lines, in the order of the source; null where it says nothing of them.
    #[serde(default)]
    pub lines: Option<Vec<OrderLine>>,
}

/// What was seen of a customer; a field of which the source says nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct CustomerObservation {
    /// When the customer was created, as this source says. Milliseconds since the Unix epoch, UTC; null
    /// where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// First name; sealed.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Last name; sealed.
    #[serde(default)]
    pub last_name: Option<String>,
    /// Phone in E.164, or as it came where it is no number of a country; sealed.
    #[serde(default)]
    pub phone: Option<String>,
    /// E-mail address; sealed.
    #[serde(default)]
    pub email: Option<String>,
    /// Gender as Salla spells it: 'male', 'female'; an open set.
    #[serde(default)]
    pub gender: Option<String>,
    /// Birthday 'YYYY-MM-DD'; sealed.
    #[serde(default)]
    pub birthday: Option<String>,
    /// City as Salla names it; alone it singles nobody out.
    #[serde(default)]
    pub city: Option<String>,
    /// ISO 3166 code of the country, upper case.
    #[serde(default)]
    pub country_code: Option<String>,
    /// Free-text address; sealed.
    #[serde(default)]
    pub location: Option<String>,
    /// ISO 4217 code of the currency the customer shops in.
    #[serde(default)]
    pub currency: Option<String>,
    /// Salla's ids of the customer's groups.
    #[serde(default)]
    pub groups: Option<Vec<i64>>,
    /// Salla's own time of the last change. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
}

/// What was seen of a product; a field of which the source says nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct ProductObservation {
    /// When the product was created, as this source says. Milliseconds since the Unix epoch, UTC; null
    /// where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Name of the product.
    #[serde(default)]
    pub name: Option<String>,
    /// SKU; null where unknown or empty.
    #[serde(default)]
    pub sku: Option<String>,
    /// SKUs of the product's variants; null where the source says nothing of them.
    #[serde(default)]
    pub variant_skus: Option<Vec<String>>,
    /// Type of the product: 'product', 'service', 'food', …; an open set.
    #[serde(default)]
    pub kind: Option<String>,
    /// Status: 'sale', 'out', 'hidden', 'deleted'; an open set.
    #[serde(default)]
    pub status: Option<String>,
    /// Price in major units of the currency.
    #[serde(default)]
    pub price: Option<Amount>,
    /// Price without a sale.
    #[serde(default)]
    pub regular_price: Option<Amount>,
    /// Price in a sale; null where there is none.
    #[serde(default)]
    pub sale_price: Option<Amount>,
    /// What the product costs the merchant.
    #[serde(default)]
    pub cost_price: Option<Amount>,
    /// ISO 4217 code of every price.
    #[serde(default)]
    pub currency: Option<String>,
    /// Units in stock; null where unlimited or unknown.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// Whether stock is unlimited.
    #[serde(default)]
    pub unlimited_quantity: Option<bool>,
    /// Whether it can be bought.
    #[serde(default)]
    pub is_available: Option<bool>,
    /// Units sold so far, as Salla counts.
    #[serde(default)]
    pub sold_quantity: Option<i64>,
    /// Address (https) of the main image; null where unknown or absent.
    #[serde(default)]
    pub image: Option<String>,
    /// Name of the brand.
    #[serde(default)]
    pub brand: Option<String>,
    /// Names of the categories.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
    /// Salla's own time of the last change; Salla writes it without a zone, Asia/Riyadh is assumed.
    /// Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
}

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct CartLine {
    /// Salla's id of the line.
    #[serde(default)]
    pub line_id: Option<i64>,
    /// Salla's id of the product.
    #[serde(default)]
    pub product_id: Option<i64>,
    /// Units.
    #[serde(default)]
    pub quantity: Option<Amount>,
}

/// What was seen of a cart; a field of which the source says nothing is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct CartObservation {
    /// When the cart was made, as this source says. Milliseconds since the Unix epoch, UTC; null where
    /// unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Status: 'active', 'purchased', …; an open set.
    #[serde(default)]
    pub status: Option<String>,
    /// Total of the cart in major units of the currency.
    #[serde(default)]
    pub total: Option<Amount>,
    /// Sum of the lines.
    #[serde(default)]
    pub sub_total: Option<Amount>,
    /// Discount.
    #[serde(default)]
    pub discount: Option<Amount>,
    /// ISO 4217 code of every amount.
    #[serde(default)]
    pub currency: Option<String>,
    /// Salla's id of the customer.
    #[serde(default)]
    pub customer_id: Option<i64>,
    /// Name of the customer; sealed.
    #[serde(default)]
    pub customer_name: Option<String>,
    /// Phone of the customer; sealed. in E.164, or as it came where it is no number of a country;
    /// sealed.
    #[serde(default)]
    pub customer_phone: Option<String>,
    /// E-mail address of the customer; sealed.
    #[serde(default)]
    pub customer_email: Option<String>,
    /// Address of the checkout, carries a token; sealed.
    #[serde(default)]
    pub checkout_url: Option<String>,
    /// City of the customer.
    #[serde(default)]
    pub city: Option<String>,
    /// Coupon in the cart.
    #[serde(default)]
    pub coupon_code: Option<String>,
    /// Salla's own time of the last change. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
    /// The lines.
    #[serde(default)]
    pub lines: Option<Vec<CartLine>>,
}

/// What was seen of one order, customer, product or cart at Salla, and when it was true there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or the
    /// first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// What was seen: 'order', 'customer', 'product', 'cart'; an open set.
    pub entity: Entity,
    /// Salla's id of the entity.
    pub salla_id: i64,
    /// 'seen': what is there was read; 'deleted': Salla says that it is gone; 'stale': it changed,
    /// fetch it; 'publish': publish the merged row again. An open set.
    pub kind: Kind,
    /// Where from: 'list', 'details', 'webhook', 'repair'; an open set.
    pub source: Source,
    /// When it was true at Salla; see ARCHITECTURE §5. Milliseconds since the Unix epoch, UTC.
    pub observed_at: Millis,
    /// Present where entity is order and something was read.
    #[serde(default)]
    pub order: Option<Box<OrderObservation>>,
    /// Present where entity is customer and something was read.
    #[serde(default)]
    pub customer: Option<Box<CustomerObservation>>,
    /// Present where entity is product and something was read.
    #[serde(default)]
    pub product: Option<Box<ProductObservation>>,
    /// Present where entity is cart and something was read.
    #[serde(default)]
    pub cart: Option<Box<CartObservation>>,
    /// Names of fields of which the source says that there is none; what is null and not named here is
    /// unknown, and stays what it was.
    #[serde(default)]
    pub empty: Vec<String>,
    /// Names of fields that the source leaves out and whose value is ours: what the store uses where
    /// nothing is named. They hold until a source tells the field.
    #[serde(default)]
    pub assumed: Vec<String>,
    /// JSON pointers to fields of the source that could not be read; of them the source counts as
    /// saying nothing.
    #[serde(default)]
    pub unreadable: Vec<String>,
}
avro_record!(Observation, "../../avsc/Observation.avsc");
