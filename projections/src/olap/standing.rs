//! What an order counts as: the one definition of a sale, for reports, exports and whoever checks them (README, "What is a sale").

/// What an order counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A sale.
    Sale,
    /// Its payment is awaited: no sale yet.
    WaitingForPayment,
    /// Cancelled.
    Cancelled,
    /// Returned, or on its way back.
    Returned,
    /// Nobody knows its status: it is in no figure but the number of orders.
    Unknown,
}

/// What an order of this status (Salla's slug, FACTS §5) counts as; `is_pending` where Salla says that its payment is awaited. A status that
/// Salla has not documented is a sale's.
pub fn standing(slug: Option<&str>, is_pending: bool) -> Standing {
    match slug {
        None => Standing::Unknown,
        Some("canceled") => Standing::Cancelled,
        Some("restored" | "restoring") => Standing::Returned,
        Some("payment_pending") => Standing::WaitingForPayment,
        Some(_) if is_pending => Standing::WaitingForPayment,
        Some(_) => Standing::Sale,
    }
}

/// The same of a row of `orders`, whose column `standing` is made by migration 0005; each a condition that is 0 or 1.
pub(crate) const IS_SALE: &str = "(standing = 1)";
/// See [`Standing::WaitingForPayment`].
pub(crate) const IS_WAITING: &str = "(standing = 2)";
/// See [`Standing::Cancelled`].
pub(crate) const IS_CANCELLED: &str = "(standing = 3)";
/// See [`Standing::Returned`].
pub(crate) const IS_RETURNED: &str = "(standing = 4)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_payment_is_no_sale_and_nor_is_what_comes_back_or_is_not_known() {
        use Standing::{Cancelled, Returned, Sale, Unknown, WaitingForPayment};
        for (slug, is_pending, expected) in [
            (Some("completed"), false, Sale),
            (Some("under_review"), false, Sale),
            (Some("under_review"), true, WaitingForPayment),
            (Some("payment_pending"), false, WaitingForPayment),
            (Some("payment_pending"), true, WaitingForPayment),
            (Some("canceled"), true, Cancelled),
            (Some("restored"), false, Returned),
            (Some("restoring"), false, Returned),
            (Some("packed"), false, Sale),
            (None, false, Unknown),
        ] {
            assert_eq!(standing(slug, is_pending), expected, "{slug:?} {is_pending}");
        }
    }
}
