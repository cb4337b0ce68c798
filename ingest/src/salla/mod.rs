//! Salla's API as we call it: addresses, calls with patience, OAuth.

pub mod breaker;
pub mod budget;
pub mod client;
pub mod clock;
pub mod customers_hold;
pub mod oauth;
pub mod repeats;
pub mod shapes;

use std::fmt;
use std::time::Duration;

use url::Url;

/// How Salla is reached, as which OAuth client.
#[derive(Clone)]
pub struct SallaConfig {
    /// Base of the merchant API, such as `https://api.salla.dev/admin/v2`.
    pub api: Url,
    /// The OAuth host, such as `https://accounts.salla.sa`.
    pub accounts: Url,
    /// Our OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Where Salla sends the browser back to; registered exactly so.
    pub redirect: Url,
    /// Rows a page of orders (at most 30, FACTS §4).
    pub orders_per_page: u32,
    /// Rows a page of other lists (at most 60).
    pub others_per_page: u32,
    /// How old a list Salla may serve from its cache (FACTS §4).
    pub list_cache_window: Duration,
    /// Length of Salla's minute: 60 s; less where a simulation runs faster than the wall.
    pub minute: Duration,
    /// Calls of `/customers` in ten minutes, all stores together (FACTS §6).
    pub customers_per_window: u32,
    /// Rows beyond which no list is paged (FACTS §4).
    pub deepest_rows: u32,
}

impl SallaConfig {
    /// Rows a page of a list.
    pub fn per_page(&self, resource: &str) -> u32 {
        if resource == "orders" { self.orders_per_page } else { self.others_per_page }
    }

    /// So many of Salla's minutes, but no less than `least`: where a simulation's minutes are short, a busy machine still needs some time.
    pub fn minutes(&self, count: u32, least: Duration) -> Duration {
        (self.minute * count).max(least)
    }

    /// Whether a list of `total` rows can be paged to its end: the last page that Salla shows is one that ends within its depth.
    pub fn shows(&self, resource: &str, total: i64) -> bool {
        let per_page = self.per_page(resource).max(1);
        total <= i64::from(self.deepest_rows / per_page * per_page)
    }
}

/// Text that hides itself from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub zeroize::Zeroizing<String>);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(zeroize::Zeroizing::new(text.into()))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
