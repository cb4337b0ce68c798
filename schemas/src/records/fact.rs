//! Facts: the merged current state, the analysts' contract.

use serde::{Deserialize, Serialize};

use super::avro_record;
use super::observation::{CartLine, OrderLine};
use crate::amount::Amount;
use crate::ids::{ConnectionId, MerchantId};
use crate::millis::Millis;
use crate::open_set::Source;

/// Fields that one observation won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedFields {
    /// When the observation was true at Salla. Milliseconds since the Unix epoch, UTC.
    pub observed_at: Millis,
    /// Where it came from: 'list', 'details', 'webhook'; an open set.
    pub source: Source,
    /// Names of the fields of this record that it told, 'lines' among them.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// The merged current state of an order. The latest revision of a key is the truth; a tombstone
/// means deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFact {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or the
    /// first part of it.
    pub merchant_id: MerchantId,
    /// Salla's id; with merchant_id and store_id the key.
    pub order_id: i64,
    /// Grows with every change of the merged row; from one sequence that never restarts. Keep the
    /// highest.
    pub revision: i64,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Order number that people see.
    #[serde(default)]
    pub reference_id: Option<i64>,
    /// When the order was placed; the source that decides is list, then details, then webhook.
    /// Milliseconds since the Unix epoch, UTC. The day of a figure is its day in Asia/Riyadh.
    pub created_at: Millis,
    /// Whose word created_at is: 'list', 'details', 'webhook'; 'receipt' where no source says it and it
    /// is when we first heard of it; null where unknown. An open set.
    #[serde(default)]
    pub created_at_from: Option<String>,
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
    /// False where the lines are thin: name and quantity only.
    pub lines_complete: bool,
    /// The lines.
    #[serde(default)]
    pub lines: Vec<OrderLine>,
    /// JSON pointers to fields that could not be read in the newest observation; they are absent here
    /// or what an earlier one said.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Which observation won which fields; with later observations the row can be merged anew from
    /// this.
    #[serde(default)]
    pub observed: Vec<ObservedFields>,
}
avro_record!(OrderFact, "../../avsc/OrderFact.avsc");

/// The merged current state of a customer. A tombstone means deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerFact {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or the
    /// first part of it.
    pub merchant_id: MerchantId,
    /// Salla's id; with merchant_id and store_id the key.
    pub customer_id: i64,
    /// Grows with every change of the merged row; from one sequence that never restarts. Keep the
    /// highest.
    pub revision: i64,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// When the customer was created. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Whose word created_at is: 'list', 'details', 'webhook'; 'receipt' where no source says it and it
    /// is when we first heard of it; null where unknown. An open set.
    #[serde(default)]
    pub created_at_from: Option<String>,
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
    pub groups: Vec<i64>,
    /// Salla's own time of the last change. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
    /// JSON pointers to fields that could not be read in the newest observation; they are absent here
    /// or what an earlier one said.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Which observation won which fields; with later observations the row can be merged anew from
    /// this.
    #[serde(default)]
    pub observed: Vec<ObservedFields>,
}
avro_record!(CustomerFact, "../../avsc/CustomerFact.avsc");

/// The merged current state of a product. A tombstone means deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFact {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or the
    /// first part of it.
    pub merchant_id: MerchantId,
    /// Salla's id; with merchant_id and store_id the key.
    pub product_id: i64,
    /// Grows with every change of the merged row; from one sequence that never restarts. Keep the
    /// highest.
    pub revision: i64,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// When the product was created. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Whose word created_at is: 'list', 'details', 'webhook'; 'receipt' where no source says it and it
    /// is when we first heard of it; null where unknown. An open set.
    #[serde(default)]
    pub created_at_from: Option<String>,
    /// Name of the product.
    #[serde(default)]
    pub name: Option<String>,
    /// SKU; null where unknown or empty.
    #[serde(default)]
    pub sku: Option<String>,
    /// SKUs of the product's variants.
    #[serde(default)]
    pub variant_skus: Vec<String>,
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
    pub categories: Vec<String>,
    /// Salla's own time of the last change; Salla writes it without a zone, Asia/Riyadh is assumed.
    /// Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub salla_updated_at: Option<Millis>,
    /// JSON pointers to fields that could not be read in the newest observation; they are absent here
    /// or what an earlier one said.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Which observation won which fields; with later observations the row can be merged anew from
    /// this.
    #[serde(default)]
    pub observed: Vec<ObservedFields>,
}
avro_record!(ProductFact, "../../avsc/ProductFact.avsc");

/// The merged current state of an abandoned cart. A tombstone means deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartFact {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or the
    /// first part of it.
    pub merchant_id: MerchantId,
    /// Salla's id; with merchant_id and store_id the key.
    pub cart_id: i64,
    /// Grows with every change of the merged row; from one sequence that never restarts. Keep the
    /// highest.
    pub revision: i64,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// When the cart was made. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub created_at: Option<Millis>,
    /// Whose word created_at is: 'list', 'details', 'webhook'; 'receipt' where no source says it and it
    /// is when we first heard of it; null where unknown. An open set.
    #[serde(default)]
    pub created_at_from: Option<String>,
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
    /// Status: 'active', 'purchased', …; an open set.
    #[serde(default)]
    pub status: Option<String>,
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
    pub lines: Vec<CartLine>,
    /// JSON pointers to fields that could not be read in the newest observation; they are absent here
    /// or what an earlier one said.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Which observation won which fields; with later observations the row can be merged anew from
    /// this.
    #[serde(default)]
    pub observed: Vec<ObservedFields>,
}
avro_record!(CartFact, "../../avsc/CartFact.avsc");
