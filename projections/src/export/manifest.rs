//! What a file is, as JSON beside it in the store.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_aggregates::export::StoredFile;
use qafila_schemas::millis::Millis;
use serde::{Deserialize, Serialize};

use super::file::Writing;
use super::report::Selection;
use super::store::FileKey;

/// A line of [`Selection::extent`].
#[derive(Row, Deserialize)]
pub(super) struct ExtentLine {
    topic: String,
    partition: i32,
    offset: i64,
    /// Rows that the file will about have of this partition.
    pub(super) estimated: u64,
}

/// The manifest of `file`; `extent` is how far the facts had come before its rows were asked for.
pub(super) fn manifest(
    selection: &Selection,
    writing: &Writing,
    key: &FileKey,
    file: &StoredFile,
    extent: Vec<ExtentLine>,
) -> Vec<u8> {
    let manifest = Manifest {
        job_id: key.job.to_string(),
        merchant_id: key.merchant.to_string(),
        store_id: selection.store,
        report: selection.report.name().to_owned(),
        format: &writing.format,
        compression: writing.compression.as_deref(),
        csv: (writing.format == "csv").then(|| CsvDialect {
            delimiter: char::from(writing.delimiter),
            formula_guard: writing.formula_guard,
            byte_order_mark: writing.byte_order_mark,
        }),
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
        filters: serde_json::from_str(&selection.filters.to_json()).unwrap_or_default(),
        schema: selection
            .columns
            .iter()
            .map(|column| ManifestColumn {
                name: column.name,
                kind: column.kind.name(),
                personal: column.is_personal,
            })
            .collect(),
        as_of: extent
            .into_iter()
            .map(|line| AsOf { topic: line.topic, partition: line.partition, offset: line.offset })
            .collect(),
        complete_from: file.complete_from.map(Millis::to_utc),
        complete_to: file.complete_to.map(Millis::to_utc),
        orders_without_details: file.orders_without_details,
    };
    serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON")
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'f> {
    job_id: String,
    merchant_id: String,
    store_id: i64,
    report: String,
    format: &'f str,
    compression: Option<&'f str>,
    /// How a CSV file is written; null where it is none.
    csv: Option<CsvDialect>,
    rows: i64,
    bytes: i64,
    sha256: &'f str,
    filters: serde_json::Value,
    schema: Vec<ManifestColumn>,
    /// The file has everything that was stored up to these records of the facts' topic, and perhaps more.
    as_of: Vec<AsOf>,
    /// From when on everything of the store was there; null where that is from the first, or was not known.
    complete_from: Option<DateTime<Utc>>,
    /// Up to when; null where that was not known, as before the import has ended.
    complete_to: Option<DateTime<Utc>>,
    /// Orders whose lines and customers had not come; null where the report does not show them.
    orders_without_details: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CsvDialect {
    delimiter: char,
    /// Whether cells that a spreadsheet would take for a formula begin with an apostrophe that is not the shop's.
    formula_guard: bool,
    byte_order_mark: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestColumn {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    personal: bool,
}

#[derive(Debug, Clone, Serialize)]
struct AsOf {
    topic: String,
    partition: i32,
    offset: i64,
}
