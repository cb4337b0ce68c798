//! What a list is asked for (API.md): filters of one or several values, days, amounts, words, people, an order, and a page.

mod asked;

use http::StatusCode;
use qafila_ingest::mapping::market::Market;
use qafila_projections::lists::List;
use qafila_projections::lists::facets::{self, FacetCount};
use qafila_projections::lists::find::{self, People, SortKey};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, SubjectId};
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::asked::Asked;
use self::asked::show_cursor;
use crate::app::App;
use crate::auth::reading::{Reader, Scope};
use crate::call::{Call, json};
use crate::people;
use crate::problem::{Code, Problem};
use crate::routes::{Answer, present_store};

/// People whom a word or a contact may find.
const MAX_PEOPLE: i64 = 500;
/// Rows are counted so far.
const MAX_COUNTED: i64 = 10_000;

/// A list, what it can be filtered by besides days and pages, and what it can be sorted by.
pub struct Listing {
    /// Which.
    pub list: List,
    /// Names of its filters.
    pub filters: &'static [&'static str],
    /// What it can be sorted by; the first is what it is sorted by where nothing is asked for, largest or newest first.
    pub sorts: &'static [(&'static str, SortKey)],
}

/// A page of rows that were found.
#[derive(Debug)]
pub struct Found {
    /// Salla's ids, in order.
    pub ids: Vec<i64>,
    /// Where the next page begins; none of the last one.
    pub next_cursor: Option<String>,
    /// How many rows there are, where it was asked for.
    pub total: Option<TotalBody>,
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalBody {
    /// Rows, of all pages.
    count: i64,
    /// There are at least so many: beyond 10,000 they are not counted.
    is_at_least: bool,
}

/// Values that a list can be filtered by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacetsBody {
    /// By filter.
    facets: Vec<FacetBody>,
}

/// The values of a filter.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacetBody {
    /// Name of the filter, such as `status`.
    filter: String,
    /// Those with most rows first, at most 100.
    values: Vec<FacetValueBody>,
}

/// A value of a filter.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacetValueBody {
    value: String,
    /// As the store names it; null where it does not.
    label: Option<String>,
    /// Rows that have it.
    count: i64,
}

impl FacetBody {
    fn all(found: Vec<FacetCount>) -> Vec<Self> {
        let mut all: Vec<Self> = vec![];
        for one in found {
            let value = FacetValueBody { value: one.value, label: one.label, count: one.rows };
            match all.last_mut().filter(|last| last.filter == one.field) {
                Some(last) => last.values.push(value),
                None => all.push(Self { filter: one.field, values: vec![value] }),
            }
        }
        all
    }
}

impl Listing {
    /// Every order that can be asked for.
    fn sort_names(&self) -> Vec<String> {
        self.sorts.iter().flat_map(|(name, _)| [format!("-{name}"), (*name).to_owned()]).collect()
    }

    /// The present store of a merchant and what of its list was asked for; none without a store.
    pub async fn asked(
        &self,
        app: &App,
        call: &Call,
        market: Market,
        reader: Reader,
    ) -> Result<Option<(i64, Asked)>, Problem> {
        let store = present_store(app, reader.merchant_id).await?;
        // What is wrong is named without a store, too.
        let asked = self.read(call, market, reader.merchant_id, store.unwrap_or_default())?;
        if !asked.contacts.is_empty() && !reader.sees_people {
            return Err(Problem::new(Code::ScopeMissing).with("scope", Scope::People.name()));
        }
        Ok(store.map(|store| (store, asked)))
    }

    /// The page of rows that was asked for. People are looked up by their contacts unless the list has narrowed them itself.
    pub async fn find(
        &self,
        app: &App,
        merchant: MerchantId,
        store: i64,
        asked: &mut Asked,
    ) -> Result<Found, Problem> {
        if asked.wanted.people.is_none() && !asked.contacts.is_empty() {
            asked.wanted.people = Some(self.people(app, merchant, store, &asked.contacts).await?);
        }
        let (pool, wanted) = (&app.query_pool, &asked.wanted);
        let mut places =
            find::find(pool, merchant, store, self.list, wanted, asked.after, asked.limit + 1).await?;
        let limit = usize::try_from(asked.limit).unwrap_or_default();
        let has_more = places.len() > limit;
        places.truncate(limit);
        let next_cursor = places.last().filter(|_| has_more).map(|last| show_cursor(last, &asked.sort));
        let total = if asked.is_counted {
            let counted = find::count(pool, merchant, store, self.list, wanted, MAX_COUNTED + 1).await?;
            let is_at_least = counted > MAX_COUNTED;
            Some(TotalBody { count: counted.min(MAX_COUNTED), is_at_least })
        } else {
            None
        };
        Ok(Found { ids: places.iter().map(|place| place.id).collect(), next_cursor, total })
    }

    /// Answers with the values that the list can be filtered by.
    pub async fn facets(&self, app: &App, call: &Call) -> Answer {
        let merchant = app.reader(call, Scope::Lists).await?.merchant_id;
        if let Some((name, _)) = call.parameters().first() {
            return Err(Problem::invalid_field(name, Rule::unknown_parameter()));
        }
        let found = match present_store(app, merchant).await? {
            Some(store) => facets::of(&app.query_pool, merchant, store, self.list).await?,
            None => vec![],
        };
        Ok(json(StatusCode::OK, &FacetsBody { facets: FacetBody::all(found) }))
    }

    /// People who have or had all of these contacts.
    pub async fn people(
        &self,
        app: &App,
        merchant: MerchantId,
        store: i64,
        contacts: &[Contact],
    ) -> Result<People, Problem> {
        let found = people::subject_ids_with(&*app.keys, merchant, store, contacts, MAX_PEOPLE + 1).await?;
        if found.len() as i64 > MAX_PEOPLE {
            return Err(Problem::invalid_field("name", Rule::too_many_people(MAX_PEOPLE)));
        }
        let mut people = People::default();
        for id in found {
            match (self.list, id) {
                (List::Customers, SubjectId::Customer(id))
                | (List::Orders, SubjectId::Order(id))
                | (List::Carts, SubjectId::Cart(id)) => people.rows.push(id),
                (List::Orders | List::Carts, SubjectId::Customer(id)) => people.customers.push(id),
                _ => {}
            }
        }
        Ok(people)
    }
}

/// Rows in the order of these ids; one that is gone meanwhile is left out.
pub fn in_order<R>(ids: &[i64], mut rows: Vec<R>, id: impl Fn(&R) -> i64) -> Vec<R> {
    let place = |wanted: i64| ids.iter().position(|id| *id == wanted).unwrap_or(usize::MAX);
    rows.sort_by_key(|row| place(id(row)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_in_which_they_were_found() {
        assert_eq!(in_order(&[3, 1, 2], vec![1, 2, 3], |id| *id), [3, 1, 2]);
    }
}
