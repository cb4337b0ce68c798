//! `/api/v1/reports/order-status`, `/by-city`, `/by-payment`, `/by-channel`: orders by what they have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use http::StatusCode;
use qafila_projections::olap::groups::{Dimension, Group, GroupFigures, GroupPoint};
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, Width};
use super::{ReportHeadBody, Source, points, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::problem::Problem;
use crate::routes::Answer;
use crate::values::{ComparisonName, GranularityName};

/// Points of all groups of an answer, at most.
const MAX_POINTS: usize = 20_000;

/// Orders by what they have in common.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupsBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// Most orders first; at most `limit` of each currency.
    groups: Vec<GroupBody>,
    /// The groups that are not shown, together, by currency; a currency without such groups is left out.
    others: Vec<OthersBody>,
    /// Width of the points; null where none was asked for.
    #[schema(value_type = Option<GranularityName>)]
    granularity: Option<&'static str>,
    /// First and last day that were asked to compare with; null where none were.
    previous: Option<PreviousDaysBody>,
}

/// A group of orders.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupBody {
    /// What they have in common: Salla's slug of a status, a city, a payment method or a channel as Salla spells it; null where it is not
    /// known.
    key: Option<String>,
    /// What the store calls a status; null of others.
    name: Option<String>,
    figures: GroupFiguresBody,
    /// The group in the days that were asked to compare with; null where none were.
    previous: Option<GroupFiguresBody>,
    /// One for every part of the window up to today; null where no granularity was asked for.
    points: Option<Vec<GroupPointBody>>,
}

/// Figures of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupFiguresBody {
    /// Orders, whatever became of them.
    orders: u64,
    /// Sum of their totals.
    total: MoneyBody,
    /// Orders that count as sales.
    sales_count: u64,
    sales: MoneyBody,
}

/// Groups that are not shown, together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OthersBody {
    /// How many.
    groups: u64,
    figures: GroupFiguresBody,
}

/// Figures of a group in a part of the window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupPointBody {
    /// First day of the point in the report's time zone.
    from: NaiveDate,
    figures: GroupFiguresBody,
}

/// Days that a report is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousDaysBody {
    /// First day.
    pub(super) from: NaiveDate,
    /// Last day, included.
    pub(super) to: NaiveDate,
}

/// Orders by status, whatever became of them.
#[utoipa::path(get, operation_id = "getOrderStatus", path = "/api/v1/reports/order-status", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of the points of each group; no points where absent"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = GroupsBody)))]
pub async fn order_status(app: Arc<App>, call: Call) -> Answer {
    groups(&app, &call, Dimension::Status).await
}

/// Orders by city.
#[utoipa::path(get, operation_id = "getSalesByCity", path = "/api/v1/reports/by-city", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of the points of each group; no points where absent"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = GroupsBody)))]
pub async fn by_city(app: Arc<App>, call: Call) -> Answer {
    groups(&app, &call, Dimension::City).await
}

/// Orders by payment method.
#[utoipa::path(get, operation_id = "getSalesByPayment", path = "/api/v1/reports/by-payment", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of the points of each group; no points where absent"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = GroupsBody)))]
pub async fn by_payment(app: Arc<App>, call: Call) -> Answer {
    groups(&app, &call, Dimension::Payment).await
}

/// Orders by channel.
#[utoipa::path(get, operation_id = "getSalesByChannel", path = "/api/v1/reports/by-channel", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of the points of each group; no points where absent"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = GroupsBody)))]
pub async fn by_channel(app: Arc<App>, call: Call) -> Answer {
    groups(&app, &call, Dimension::Channel).await
}

async fn groups(app: &App, call: &Call, dimension: Dimension) -> Answer {
    let reader = app.reader(call, Scope::Reports).await?;
    let asked = Asked::read(call, &["from", "to", "timezone", "compare", "granularity", "limit"])?;
    let source = Source::of(app, reader.merchant_id).await?;
    let all = source.reports.groups(dimension, asked.window()).await.map_err(unavailable)?;
    let (shown, others) = shown(all, asked.limit);
    let before = match asked.compared() {
        Some(days) => {
            let before = source.reports.groups(dimension, days.window).await.map_err(unavailable)?;
            let by_key = |group: Group| ((group.key, group.currency), group.figures);
            Some((days, before.into_iter().map(by_key).collect::<BTreeMap<_, _>>()))
        }
        None => None,
    };
    let mut trends = match asked.granularity {
        Some(width) => Some(trends(&source, &asked, dimension, &shown, width).await?),
        None => None,
    };
    let groups = shown.into_iter().map(|group| {
        let place = (group.key, group.currency);
        let previous = before.as_ref().map(|(_, before)| before.get(&place).copied().unwrap_or_default());
        let points = trends.as_mut().map(|trends| trends.remove(&place).unwrap_or_default());
        let (key, currency) = place;
        GroupBody {
            key: known(key),
            name: known(group.name),
            figures: GroupFiguresBody::of(group.figures, &currency),
            previous: previous.map(|figures| GroupFiguresBody::of(figures, &currency)),
            points,
        }
    });
    let body = GroupsBody {
        groups: groups.collect(),
        head: source.head(&asked),
        others,
        granularity: asked.granularity.map(|width| width.name),
        previous: before.as_ref().map(|(days, _)| PreviousDaysBody { from: days.from, to: days.to }),
    };
    Ok(json(StatusCode::OK, &body))
}

/// The first groups of each currency, and the others of it together.
fn shown(all: Vec<Group>, limit: u32) -> (Vec<Group>, Vec<OthersBody>) {
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    let mut others: BTreeMap<String, (u64, GroupFigures)> = BTreeMap::new();
    let mut shown = vec![];
    for group in all {
        let place = counted.entry(group.currency.clone()).or_default();
        *place += 1;
        if *place <= limit {
            shown.push(group);
            continue;
        }
        let (groups, sum) = others.entry(group.currency).or_default();
        *groups += 1;
        sum.orders += group.figures.orders;
        sum.total = sum.total + group.figures.total;
        sum.sales_count += group.figures.sales_count;
        sum.sales = sum.sales + group.figures.sales;
    }
    let others = others.into_iter().map(|(currency, (groups, figures))| OthersBody {
        groups,
        figures: GroupFiguresBody::of(figures, &currency),
    });
    (shown, others.collect())
}

/// Points of the groups that are shown, with those that have no orders.
async fn trends(
    source: &Source<'_>,
    asked: &Asked,
    dimension: Dimension,
    shown: &[Group],
    width: Width,
) -> Result<BTreeMap<(String, String), Vec<GroupPointBody>>, Problem> {
    let (from, to) = asked.days();
    let starts = points::starts(from, to, asked.today(), width.granularity);
    if starts.len().saturating_mul(shown.len()) > MAX_POINTS {
        return Err(Problem::invalid_field("granularity", Rule::too_many_points(MAX_POINTS as i64)));
    }
    let keys: BTreeSet<String> = shown.iter().map(|group| group.key.clone()).collect();
    let keys = keys.into_iter().collect();
    let read =
        source.reports.group_points(dimension, keys, asked.window(), width.granularity, asked.zone.name());
    let found = read.await.map_err(unavailable)?;
    let mut by_place: BTreeMap<(String, String), BTreeMap<NaiveDate, GroupFigures>> = BTreeMap::new();
    for GroupPoint { key, currency, from, figures } in found {
        let day = from.with_timezone(&asked.zone).date_naive();
        by_place.entry((key, currency)).or_default().insert(day, figures);
    }
    let filled = shown.iter().map(|group| {
        let place = (group.key.clone(), group.currency.clone());
        let mut points = by_place.remove(&place).unwrap_or_default();
        for start in &starts {
            points.entry(*start).or_default();
        }
        let body = |(from, figures)| GroupPointBody {
            from,
            figures: GroupFiguresBody::of(figures, &group.currency),
        };
        let points = points.into_iter().map(body).collect();
        (place, points)
    });
    Ok(filled.collect())
}

impl GroupFiguresBody {
    fn of(figures: GroupFigures, currency: &str) -> Self {
        Self {
            orders: figures.orders,
            total: MoneyBody::new(figures.total, currency),
            sales_count: figures.sales_count,
            sales: MoneyBody::new(figures.sales, currency),
        }
    }
}

/// ClickHouse holds an empty text where nothing is known.
pub(super) fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_beyond_the_limit_of_their_currency_are_put_together() {
        let group = |key: &str, currency: &str, orders| Group {
            key: key.into(),
            name: String::new(),
            currency: currency.into(),
            figures: GroupFigures { orders, ..GroupFigures::default() },
        };
        let all =
            vec![group("a", "SAR", 5), group("b", "USD", 4), group("c", "SAR", 3), group("d", "SAR", 2)];
        let (shown, others) = shown(all, 1);
        let keys: Vec<&str> = shown.iter().map(|group| group.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
        assert_eq!(others.len(), 1);
        assert_eq!((others[0].groups, others[0].figures.orders), (2, 5));
    }
}
