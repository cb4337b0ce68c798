//! Everything about Salla that FACTS §11 calls unknown, as switches; a client must survive either position.

use serde::{Deserialize, Serialize};

/// What a list does with a page size above its maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OversizedPage {
    /// Quietly answers the maximum.
    Clamp,
    /// 422.
    Refuse,
}

/// How the token answer says when the token expires (FACTS §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryField {
    /// `expires_in`, seconds of life.
    ExpiresIn,
    /// `expires`, seconds of life.
    ExpiresDuration,
    /// `expires`, absolute unix seconds.
    ExpiresAbsolute,
}

/// The switches; each default is what our own clients should expect most.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Page size above the maximum.
    pub oversized_page: OversizedPage,
    /// Largest page of orders.
    pub orders_per_page: usize,
    /// Largest page of other lists.
    pub others_per_page: usize,
    /// Lists without `sort_by` start with the newest.
    pub newest_first: bool,
    /// `from_date` and `to_date` include their days.
    pub inclusive_dates: bool,
    /// User info inside `data`.
    pub user_info_envelope: bool,
    /// Expiry of a token.
    pub expiry: ExpiryField,
    /// HTTP status of a refused refresh: 401 or 400.
    pub refresh_error_status: u16,
    /// 429 answers with Salla's envelope; otherwise with plain text.
    pub too_many_envelope: bool,
    /// Variant of `pagination.links`: 0 `{}`, 1 `[]`, 2 `{"next": null}`, 3 full addresses.
    pub links: u8,
    /// Rows beyond `page * per_page` of this are refused; 0 for no limit.
    pub deep_page_rows: usize,
    /// Seconds between the attempts of a webhook.
    pub webhook_retry_seconds: Vec<f64>,
    /// Webhooks' `created_at`: 0 `Sun Jun 26 2022 12:21:48 GMT+0300`, 1 without zone, 2 ISO 8601.
    pub webhook_time: u8,
    /// Requests a minute of a basic plan.
    pub basic_per_minute: u32,
    /// `GET /store/info` answers 503.
    pub store_info_fails: bool,
    /// Details of an order hold its items, as they did before 2024-07 (FACTS §4.2).
    pub full_details: bool,
    /// `date_from` and `date_to` of customers mean the opposite, as their page says (FACTS §4.4).
    pub swapped_customer_dates: bool,
    /// Seconds that an access token lives.
    pub token_life_seconds: i64,
    /// A refresh is answered without `refresh_token`: the one that was redeemed stays.
    pub silent_refreshes: bool,
    /// Hyphens vanish from `state`.
    pub strip_hyphens: bool,
    /// The customers budget: requests in 10 minutes, of all stores together; 0 for none.
    pub customers_budget: u32,
    /// How much faster than the wall the limits' clock runs.
    pub time_scale: f64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            oversized_page: OversizedPage::Clamp,
            orders_per_page: 30,
            others_per_page: 60,
            newest_first: true,
            inclusive_dates: true,
            user_info_envelope: true,
            expiry: ExpiryField::ExpiresIn,
            refresh_error_status: 401,
            too_many_envelope: true,
            links: 0,
            deep_page_rows: 0,
            webhook_retry_seconds: vec![300.0, 300.0, 300.0],
            webhook_time: 0,
            basic_per_minute: 60,
            store_info_fails: false,
            full_details: false,
            swapped_customer_dates: false,
            token_life_seconds: 1_209_599,
            silent_refreshes: false,
            strip_hyphens: true,
            customers_budget: 500,
            time_scale: 1.0,
        }
    }
}
