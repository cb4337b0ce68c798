//! `/api/v1/customers`: the merchant's customers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::customers::{self, Customer, CustomerFilter};
use qafila_schemas::sealed::SubjectId;
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::call::{Call, json};
use crate::opening::open;
use crate::page::PageRequest;
use crate::people;
use crate::problem::{Code, Problem};

const LONGEST_CITY: usize = 100;

/// A page of customers, newest ids first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomersBody {
    items: Vec<CustomerBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// A customer; what is unknown or erased is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerBody {
    /// Salla's id.
    id: i64,
    /// When the account was made, UTC.
    created_at: Option<DateTime<Utc>>,
    /// When it changed last, UTC.
    updated_at: Option<DateTime<Utc>>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
    /// `male` or `female`.
    gender: Option<String>,
    /// A day as text, mostly `YYYY-MM-DD`.
    birthday: Option<String>,
    city: Option<String>,
    /// ISO 3166.
    country_code: Option<String>,
    location: Option<String>,
    /// Salla's ids of groups.
    groups: Vec<i64>,
}

/// The merchant's customers.
#[utoipa::path(get, operation_id = "listCustomers", path = "/api/v1/customers", tag = "customers", security(("bearer" = [])),
    params(("city" = Option<String>, Query, description = "Only of this city"),
        ("email" = Option<String>, Query, description = "Only with exactly this address"),
        ("phone" = Option<String>, Query, description = "Only with this number; without a country code it is of the store's country"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = CustomersBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let (mut page, mut filter, mut by) = (PageRequest::default(), CustomerFilter::default(), None);
    let market = people::market(&app, merchant, &call).await?;
    for (name, value) in call.parameters() {
        if let Some(contact) = people::contact(&name, &value, market)? {
            by = Some(contact);
            continue;
        }
        if page.take(&name, &value)? {
            continue;
        }
        match name.as_str() {
            "city" if (1..=LONGEST_CITY).contains(&value.len()) => filter.city = Some(value),
            "city" => return Err(Problem::invalid_field("city", Rule::length(1, 100))),
            other => return Err(Problem::invalid_field(other, Rule::unknown_parameter())),
        }
    }
    let store = present_store(&app, merchant).await?;
    if let Some((contact, store)) = by.as_ref().zip(store) {
        let ids = people::subject_ids_with(&*app.keys, merchant, store, contact).await?;
        let customer = |known| if let SubjectId::Customer(id) = known { Some(id) } else { None };
        filter.ids = Some(ids.into_iter().filter_map(customer).collect());
    }
    let behind = page.cursor.map(|(_, id)| id);
    let mut found = match store {
        Some(store) => {
            customers::list(&app.query_pool, merchant, store, &filter, behind, page.wanted()).await?
        }
        None => vec![],
    };
    let next_cursor = page.cut(&mut found, |customer| (DateTime::UNIX_EPOCH, customer.customer_id));
    open(&*app.keys, merchant, found.iter_mut().flat_map(personal).collect()).await?;
    // Whoever had it once and has another now is not the one who is looked for.
    found.retain(|customer| {
        let (email, phone) = (customer.email.as_deref(), customer.phone.as_deref());
        by.as_ref().is_none_or(|contact| people::has(email, phone, contact, market))
    });
    let items = found.into_iter().map(CustomerBody::from).collect();
    Ok(json(StatusCode::OK, &CustomersBody { items, next_cursor }))
}

/// One customer.
#[utoipa::path(get, operation_id = "getCustomer", path = "/api/v1/customers/{id}", tag = "customers", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = CustomerBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let found = match (numbered(&id), present_store(&app, merchant).await?) {
        (Some(id), Some(store)) => customers::find(&app.query_pool, merchant, store, id).await?,
        _ => None,
    };
    let mut found = found.ok_or_else(|| Problem::new(Code::UnknownCustomer))?;
    open(&*app.keys, merchant, personal(&mut found).into_iter().collect()).await?;
    Ok(json(StatusCode::OK, &CustomerBody::from(found)))
}

fn personal(customer: &mut Customer) -> [&mut Option<String>; 6] {
    [
        &mut customer.first_name,
        &mut customer.last_name,
        &mut customer.phone,
        &mut customer.email,
        &mut customer.birthday,
        &mut customer.location,
    ]
}

impl From<Customer> for CustomerBody {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.customer_id,
            created_at: customer.created_at,
            updated_at: customer.salla_updated_at,
            first_name: customer.first_name,
            last_name: customer.last_name,
            phone: customer.phone,
            email: customer.email,
            gender: customer.gender,
            birthday: customer.birthday,
            city: customer.city,
            country_code: customer.country_code,
            location: customer.location,
            groups: customer.groups,
        }
    }
}
