//! Sets of values that bodies and parameters hold, as the OpenAPI document lists them. A closed set has no other values; an open one may
//! get more, so the document names those that are known beside any other text.

use qafila_aggregates::export::{COMPRESSIONS, DELIMITERS, FORMATS, REPORTS};
use qafila_ingest::sync::progress::PHASES;
use qafila_projections::notify::bell::kind::MAY_BE_UNWANTED;
use qafila_schemas::words::cause::{
    OF_COMPLETENESS, OF_CONNECTION, OF_EXPORT, OF_FAILED_SYNC, OF_PAUSED_SYNC, OF_RECONCILIATION, OF_WEBHOOKS,
};
use qafila_schemas::words::rule::Rule;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Code;

/// Values of a set, without repeats, in the order of their first place.
fn listed<'v>(values: impl IntoIterator<Item = &'v str>) -> Vec<&'v str> {
    let mut all: Vec<&str> = vec![];
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

fn closed_set(about: &str, values: Vec<&str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values))
        .description(Some(about.trim()))
        .into()
}

fn open_set(about: &str, known: &str) -> RefOr<Schema> {
    AnyOfBuilder::new()
        .item(Ref::from_schema_name(known))
        .item(ObjectBuilder::new().schema_type(Type::String))
        .description(Some(format!("{} Values may be added.", about.trim())))
        .into()
}

macro_rules! closed {
    ($(#[doc = $about:literal] $name:ident $values:expr;)*) => {
        $(
            #[doc = $about]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    closed_set($about, listed($values))
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

macro_rules! open {
    ($(#[doc = $about:literal] $name:ident $known:literal $values:expr;)*) => {
        $(
            #[doc = $about]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    open_set($about, $known)
                }
            }

            impl ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    schemas.push(($known.to_owned(), closed_set($about, listed($values))));
                }
            }
        )*
    };
}

closed! {
    /// Language of texts: Arabic or English.
    Locale ["ar", "en"];
    /// Reports that a file is made of.
    ExportReport REPORTS;
    /// Format of a file.
    ExportFormat FORMATS;
    /// Compression of a file.
    Compression COMPRESSIONS;
    /// What stands between the cells of a CSV file.
    Delimiter DELIMITERS;
    /// Width of a point of a trend.
    GranularityName ["day", "week", "month"];
    /// Days that a report is compared with: those just before, the same of the last year, or the same of the last Hijri year (Umm al-Qura).
    ComparisonName ["previous", "last-year", "hijri-last-year"];
    /// Order of a list of orders; with `-` newest or largest first.
    OrderSort ["-createdAt", "createdAt", "-total", "total"];
    /// Order of a list of customers; with `-` newest or largest first.
    CustomerSort ["-createdAt", "createdAt", "-lastOrderAt", "lastOrderAt", "-sales", "sales"];
    /// Order of a list of products; with `-` newest or largest first.
    ProductSort ["-createdAt", "createdAt", "-price", "price", "-soldQuantity", "soldQuantity"];
    /// Order of a list of carts; with `-` newest or largest first.
    CartSort ["-createdAt", "createdAt", "-total", "total"];
    /// What a key may read: reports; orders, customers, products and carts; and what is personal within these.
    KeyScope crate::auth::reading::Scope::NAMES;
    /// How far back an import of a service goes.
    JobDepth ["12m", "24m"];
}

open! {
    /// What went wrong, as a stable code.
    ProblemCode "KnownProblemCode" Code::ALL.iter().map(|code| code.as_str());
    /// A rule that a field breaks, as a stable code.
    RuleCode "KnownRuleCode" Rule::CODES.iter().copied();
    /// Where an import stands.
    SyncStatus "KnownSyncStatus" ["not_started", "requested", "running", "paused", "completed", "failed", "cancelled"];
    /// What has to happen before an import goes on: its turn comes, the merchant connects again, Salla answers as it should, or Qafila works.
    WaitsFor "KnownWaitsFor" ["turn", "merchant", "salla", "qafila"];
    /// Why an import waits or has failed, as a stable code.
    SyncCause "KnownSyncCause" OF_PAUSED_SYNC.codes().iter().chain(OF_FAILED_SYNC.codes()).copied();
    /// A step of an import.
    PhaseName "KnownPhaseName" PHASES;
    /// What is imported and reconciled.
    ResourceName "KnownResourceName" ["orders", "customers", "products"];
    /// Whether Salla accepts our access to the store.
    Access "KnownAccess" ["working", "reauthorisation_needed"];
    /// Why access to the store is lost or ends soon, as a stable code.
    ConnectionCause "KnownConnectionCause" OF_CONNECTION.codes().iter().copied();
    /// Whether the store's events reach us; where they fail, some changes come only with the next night.
    WebhooksState "KnownWebhooksState" ["pending", "complete", "failing"];
    /// Why some events of the store do not reach us, as a stable code.
    WebhooksCause "KnownWebhooksCause" OF_WEBHOOKS.codes().iter().copied();
    /// What the store has of the app.
    AppKind "KnownAppKind" ["trial", "subscription"];
    /// What became of the store's subscription to the app.
    AppStatus "KnownAppStatus" ["started", "renewed", "expired", "canceled"];
    /// Why completeness stands still, as a stable code.
    CompletenessCause "KnownCompletenessCause" OF_COMPLETENESS.codes().iter().copied();
    /// Why a reconciliation did not get to its end, as a stable code.
    ReconciliationCause "KnownReconciliationCause" OF_RECONCILIATION.codes().iter().copied();
    /// Where an export stands.
    ExportStatusName "KnownExportStatusName" ["requested", "running", "completed", "failed", "revoked", "expired"];
    /// Why a file could not be made, as a stable code.
    ExportCause "KnownExportCause" OF_EXPORT.codes().iter().copied();
    /// What a notification is about.
    NotificationKind "KnownNotificationKind" MAY_BE_UNWANTED;
    /// A page of the web app.
    OpenedPage "KnownOpenedPage" ["import", "connection", "exports", "dashboard"];
    /// Why what a notification tells of happened, as a stable code.
    NotificationCause "KnownNotificationCause" OF_FAILED_SYNC.codes().iter().chain(OF_CONNECTION.codes()).chain(OF_EXPORT.codes()).copied();
    /// What became of the mail about a notification.
    MailState "KnownMailState" ["waiting", "sent", "failed"];
    /// How the product of a line was found: Salla names it with the line, another source of the order does, or it has the line's SKU.
    ProductFoundBy "KnownProductFoundBy" ["line", "order", "sku"];
    /// Whose word a cart's time of creation is: Salla's, or it is when we first heard of the cart.
    CartCreatedFrom "KnownCartCreatedFrom" ["webhook", "receipt"];
    /// Days on which people buy otherwise.
    OccasionName "KnownOccasionName" crate::routes::reports::occasions::NAMES;
    /// What the process can do.
    HealthStatus "KnownHealthStatus" ["live", "ready", "not ready"];
    /// Whether a dependency can be reached.
    DependencyStatus "KnownDependencyStatus" ["up", "down"];
}

/// How far back an import goes.
pub struct DepthInMonths;

impl PartialSchema for DepthInMonths {
    fn schema() -> RefOr<Schema> {
        let depths = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([12, 24]));
        depths.description(Some("How far back an import goes, in months.")).into()
    }
}

impl ToSchema for DepthInMonths {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_set_names_what_is_known_beside_any_text_and_a_closed_one_names_all() {
        let open = serde_json::to_value(SyncCause::schema()).expect("JSON");
        let any_of = open["anyOf"].as_array().expect("choices");
        assert_eq!(any_of[0]["$ref"], "#/components/schemas/KnownSyncCause");
        assert_eq!(any_of[1]["type"], "string");
        let mut known = vec![];
        SyncCause::schemas(&mut known);
        let known = serde_json::to_value(&known[0].1).expect("JSON");
        let values = known["enum"].as_array().expect("values");
        let doubled = values.iter().filter(|value| *value == "internal_trouble").count();
        assert_eq!(doubled, 1, "a cause of two families is listed once");
        let closed = serde_json::to_value(Locale::schema()).expect("JSON");
        assert_eq!(closed["enum"], serde_json::json!(["ar", "en"]));
    }
}
