//! Lists: what rows of each list are filtered and sorted by, built from the fact topics, and found by the gateway. The rows themselves are in
//! the read models of the [merge](crate::oltp::merge); a row is found here a moment after it was merged.

pub mod facets;
pub mod find;
mod load;
pub mod row;
pub mod store;
pub mod terms;

use qafila_schemas::catalogue::{CARTS, CUSTOMERS, ORDERS, PRODUCTS, Topic};
use qafila_schemas::records::fact::{CartFact, CustomerFact, OrderFact, ProductFact};
use tokio_util::sync::CancellationToken;

use crate::oltp::{OltpRole, ProjectionError};

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Orders.
    Orders,
    /// Customers.
    Customers,
    /// Products.
    Products,
    /// Abandoned carts.
    Carts,
}

impl List {
    /// Name, as facets have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Carts => "carts",
        }
    }

    /// Its table.
    fn table(self) -> &'static str {
        match self {
            Self::Orders => "order_list",
            Self::Customers => "customer_list",
            Self::Products => "product_list",
            Self::Carts => "cart_list",
        }
    }

    /// Name of the projection that builds it: its consumer group, and where its offsets are.
    fn projection(self) -> &'static str {
        self.table()
    }

    /// The facts that it is built from.
    fn topic(self) -> Topic {
        match self {
            Self::Orders => ORDERS,
            Self::Customers => CUSTOMERS,
            Self::Products => PRODUCTS,
            Self::Carts => CARTS,
        }
    }
}

/// Builds all lists until `shutdown`.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    tokio::try_join!(
        load::run::<OrderFact>(role.clone(), shutdown.clone()),
        load::run::<CustomerFact>(role.clone(), shutdown.clone()),
        load::run::<ProductFact>(role.clone(), shutdown.clone()),
        load::run::<CartFact>(role, shutdown),
    )?;
    Ok(())
}
