//! `/api/v1/reports/product/{id}`: what was sold of one product.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;
use http::StatusCode;
use qafila_projections::olap::products_sold::ProductPoint;
use qafila_projections::olap::reports::{Granularity, Reports};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, Width};
use super::{ReportHeadBody, Source, points, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::problem::{Code, Problem};
use crate::routes::{Answer, numbered};
use crate::values::{ComparisonName, GranularityName};

/// The details of a product wait this long for its sales.
const SALES_TAKE: Duration = Duration::from_secs(3);

/// What was sold of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductReportBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// Salla's id.
    product_id: i64,
    #[schema(value_type = GranularityName)]
    granularity: &'static str,
    /// By currency.
    sales: Vec<ProductFiguresBody>,
    /// One of each currency for every part of the window up to today, by time, then by currency.
    points: Vec<ProductPointBody>,
    /// Sales whose lines are not known yet: they are in no figure above. 0 once the import is complete.
    orders_without_lines: u64,
    /// The days that were asked to compare with; null where none were.
    previous: Option<PreviousProductBody>,
}

/// What was sold, in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductFiguresBody {
    /// Orders with it that count as sales.
    orders: u64,
    /// Units, a decimal number as text.
    quantity: String,
    sales: MoneyBody,
}

/// What was sold in a part of the window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductPointBody {
    /// First day of the point in the report's time zone.
    from: NaiveDate,
    figures: ProductFiguresBody,
}

/// What was sold in the days that a report is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousProductBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    sales: Vec<ProductFiguresBody>,
    points: Vec<ProductPointBody>,
}

/// What was sold of a product in the last 30 days of Riyadh.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentSalesBody {
    /// First day.
    from: NaiveDate,
    /// Last day: today.
    to: NaiveDate,
    /// By currency; empty where nothing was sold.
    sales: Vec<ProductFiguresBody>,
    /// Sales whose lines are not known yet: they are in no figure above. 0 once the import is complete.
    orders_without_lines: u64,
}

/// What was sold of a product lately; none where the reports do not answer soon: the rest of a product does not wait for them.
pub async fn recent_sales(
    app: &App,
    merchant: MerchantId,
    store: i64,
    product_id: i64,
) -> Option<RecentSalesBody> {
    let asked = Asked::of_recent_days();
    let read = async {
        let currency = app.connector.market(merchant).await?.currency().code;
        let reports = Reports::of(&app.clickhouse, merchant, store, &currency);
        let found = reports.product_points(asked.window(), product_id, Granularity::Month, asked.zone.name());
        found.await.map_err(unavailable)
    };
    let found = match tokio::time::timeout(SALES_TAKE, read).await {
        Ok(Ok(found)) => found,
        Ok(Err(problem)) => {
            tracing::warn!(event = "failed to read the sales of a product", merchantId = %merchant, problem = ?problem.code);
            return None;
        }
        Err(_) => {
            tracing::warn!(event = "failed to read the sales of a product", merchantId = %merchant, problem = "timeout");
            return None;
        }
    };
    let (from, to) = asked.days();
    let (sales, orders_without_lines) = (sums(&found.sold), found.orders_without_lines);
    Some(RecentSalesBody { from, to, sales, orders_without_lines })
}

/// What was sold of one product by day, week or month.
#[utoipa::path(get, operation_id = "getProductReport", path = "/api/v1/reports/product/{id}", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("id" = i64, Path, description = "Salla's id"), ("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of a point; a day where absent")),
    responses((status = 200, body = ProductReportBody)))]
pub async fn product(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let product_id = numbered(&id).ok_or_else(|| Problem::new(Code::UnknownProduct))?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "granularity"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let width = asked.granularity.unwrap_or(Width::DAY);
    let read =
        |window| source.reports.product_points(window, product_id, width.granularity, asked.zone.name());
    let found = read(asked.window()).await.map_err(unavailable)?;
    let (now, orders_without_lines) = (found.sold, found.orders_without_lines);
    let compared = asked.compared();
    let before = match compared {
        Some(days) => read(days.window).await.map_err(unavailable)?.sold,
        None => vec![],
    };
    let mut currencies: BTreeSet<String> =
        now.iter().chain(&before).map(|point| point.sold.currency.clone()).collect();
    currencies.insert(source.currency.clone());
    let (from, to) = asked.days();
    let starts = |from, to| points::starts(from, to, asked.today(), width.granularity);
    let previous = compared.map(|days| PreviousProductBody {
        from: days.from,
        to: days.to,
        sales: sums(&before),
        points: filled(before, &starts(days.from, days.to), &currencies, asked.zone),
    });
    let body = ProductReportBody {
        head: source.head(&asked),
        product_id,
        granularity: width.name,
        sales: sums(&now),
        points: filled(now, &starts(from, to), &currencies, asked.zone),
        orders_without_lines,
        previous,
    };
    Ok(json(StatusCode::OK, &body))
}

/// All points of each currency together.
fn sums(points: &[ProductPoint]) -> Vec<ProductFiguresBody> {
    let mut sums: BTreeMap<&str, (u64, Amount, Amount)> = BTreeMap::new();
    for point in points {
        let (orders, quantity, sales) = sums.entry(&point.sold.currency).or_default();
        *orders += point.sold.orders;
        *quantity = *quantity + point.sold.quantity;
        *sales = *sales + point.sold.sales;
    }
    sums.into_iter()
        .map(|(currency, (orders, quantity, sales))| body(orders, quantity, sales, currency))
        .collect()
}

/// The points with those in which nothing was sold, by time, then by currency.
fn filled(
    found: Vec<ProductPoint>,
    starts: &[NaiveDate],
    currencies: &BTreeSet<String>,
    zone: Tz,
) -> Vec<ProductPointBody> {
    let nothing = |currency: &String| body(0, Amount::ZERO, Amount::ZERO, currency);
    let mut all: BTreeMap<(NaiveDate, String), ProductFiguresBody> = starts
        .iter()
        .flat_map(|start| currencies.iter().map(|currency| ((*start, currency.clone()), nothing(currency))))
        .collect();
    for point in found {
        let figures = body(point.sold.orders, point.sold.quantity, point.sold.sales, &point.sold.currency);
        all.insert((point.from.with_timezone(&zone).date_naive(), point.sold.currency), figures);
    }
    all.into_iter().map(|((from, _), figures)| ProductPointBody { from, figures }).collect()
}

fn body(orders: u64, quantity: Amount, sales: Amount, currency: &str) -> ProductFiguresBody {
    ProductFiguresBody { orders, quantity: quantity.to_string(), sales: MoneyBody::new(sales, currency) }
}
