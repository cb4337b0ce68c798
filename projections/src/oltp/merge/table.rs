//! Merged rows in Postgres: one read and at most two writes a batch, guarded by the revision that was read.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use rust_decimal::Decimal;
use sqlx::postgres::{PgArguments, PgHasArrayType, PgRow};
use sqlx::{Arguments, Encode, PgConnection, Postgres, Row, Type, ValueRef};
use uuid::Uuid;

use super::ledger::Ledger;
use super::row::{Base, Key, MergedRow};

/// Columns every merged table has beside its key.
const COMMON: [(&str, &str); 11] = [
    ("revision", "bigint"),
    ("connection_id", "uuid"),
    ("created_list", "timestamptz"),
    ("created_details", "timestamptz"),
    ("created_webhook", "timestamptz"),
    ("created_receipt", "timestamptz"),
    ("read_at", "timestamptz"),
    ("deleted_at", "timestamptz"),
    ("stale_since", "timestamptz"),
    ("seen_at", "timestamptz"),
    ("ledger", "bytea"),
];
/// Columns of the key.
const KEYS: usize = 3;

/// 2000-01-01T00:00:00Z, where Postgres begins to count.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

/// The statements of one table.
struct Statements {
    load: String,
    insert: String,
    update: String,
}

fn statements<R: MergedRow>() -> Statements {
    let id = R::ID;
    let columns: Vec<(&str, &str)> = COMMON.into_iter().chain(R::columns()).collect();
    let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let mut unnest = String::from("unnest($1::uuid[], $2::bigint[], $3::bigint[]");
    for (index, (_, kind)) in columns.iter().enumerate() {
        // Writing to a String cannot fail. An array column travels as text, or unnest would flatten it.
        let travel = if kind.ends_with("[]") || *kind == "json" { "text" } else { kind };
        let _ = write!(unnest, ", ${}::{travel}[]", index + KEYS + 1);
    }
    let taken = columns
        .iter()
        .map(|(name, kind)| {
            if kind.ends_with("[]") || *kind == "json" {
                format!("n.{name}::{kind}")
            } else {
                format!("n.{name}")
            }
        })
        .collect::<Vec<_>>();
    let set = columns
        .iter()
        .zip(&taken)
        .map(|((name, _), taken)| format!("{name} = {taken}"))
        .collect::<Vec<_>>()
        .join(", ");
    let previous = columns.len() + KEYS + 1;
    Statements {
        load: format!(
            "SELECT t.merchant_id, t.store_id, t.{id}, {} FROM {} t JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS k (m, s, i)
             ON t.merchant_id = k.m AND t.store_id = k.s AND t.{id} = k.i",
            columns.iter().map(|(name, _)| format!("t.{name}")).collect::<Vec<_>>().join(", "),
            R::TABLE
        ),
        insert: format!(
            "INSERT INTO {} (merchant_id, store_id, {id}, {names}) SELECT n.merchant_id, n.store_id, n.{id}, {} FROM {unnest})
             AS n (merchant_id, store_id, {id}, {names}) ON CONFLICT DO NOTHING",
            R::TABLE,
            taken.join(", ")
        ),
        update: format!(
            "UPDATE {} t SET {set} FROM {unnest}, ${previous}::bigint[]) AS n (merchant_id, store_id, {id}, {names}, previous)
             WHERE t.merchant_id = n.merchant_id AND t.store_id = n.store_id AND t.{id} = n.{id} AND t.revision = n.previous",
            R::TABLE
        ),
    }
}

/// What is stored under `keys`.
pub async fn load<R: MergedRow>(
    connection: &mut PgConnection,
    keys: &[Key],
) -> Result<HashMap<Key, R>, sqlx::Error> {
    let merchants: Vec<Uuid> = keys.iter().map(|(merchant, _, _)| merchant.0).collect();
    let stores: Vec<i64> = keys.iter().map(|(_, store, _)| *store).collect();
    let ids: Vec<i64> = keys.iter().map(|(_, _, id)| *id).collect();
    let load = &statements_of::<R>().load;
    let rows = sqlx::query(load).bind(merchants).bind(stores).bind(ids).fetch_all(connection).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let base = read_base(row)?;
        let (key, mut seen) = (base.key, base.ledger.seen().into_iter());
        let mut columns = Columns::new(row, COMMON.len() + KEYS);
        found.insert(key, R::read(base, &mut columns, &mut seen)?);
    }
    Ok(found)
}

/// Stores changed rows, each with the revision it was read with and already carrying its new one. False where a row
/// was changed by somebody else in between; then nothing may be kept.
pub async fn store<R: MergedRow>(
    connection: &mut PgConnection,
    changed: &[(i64, &R)],
) -> Result<bool, sqlx::Error> {
    let (fresh, known): (Vec<_>, Vec<_>) = changed.iter().partition(|(previous, _)| *previous == 0);
    for (rows, is_new) in [(fresh, true), (known, false)] {
        if rows.is_empty() {
            continue;
        }
        let statements = statements_of::<R>();
        let mut arguments = bind_rows(&rows.iter().map(|(_, row)| *row).collect::<Vec<_>>())?;
        let sql = if is_new {
            &statements.insert
        } else {
            add(&mut arguments, rows.iter().map(|(previous, _)| *previous).collect::<Vec<i64>>())?;
            &statements.update
        };
        let stored = sqlx::query_with(sql, arguments).execute(&mut *connection).await?;
        if stored.rows_affected() != rows.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn statements_of<R: MergedRow>() -> &'static Statements {
    static ALL: OnceLock<std::sync::Mutex<HashMap<&'static str, &'static Statements>>> = OnceLock::new();
    let mut all = ALL.get_or_init(Default::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.entry(R::TABLE).or_insert_with(|| Box::leak(Box::new(statements::<R>())))
}

fn bind_rows<R: MergedRow>(rows: &[&R]) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    let bases: Vec<&Base> = rows.iter().map(|row| row.base()).collect();
    add(&mut arguments, bases.iter().map(|b| b.key.0.0).collect::<Vec<Uuid>>())?;
    add(&mut arguments, bases.iter().map(|b| b.key.1).collect::<Vec<i64>>())?;
    add(&mut arguments, bases.iter().map(|b| b.key.2).collect::<Vec<i64>>())?;
    add(&mut arguments, bases.iter().map(|b| b.revision).collect::<Vec<i64>>())?;
    add(&mut arguments, bases.iter().map(|b| b.connection_id.0).collect::<Vec<Uuid>>())?;
    for source in 0..4 {
        add(&mut arguments, bases.iter().map(|b| time(b.created[source])).collect::<Vec<_>>())?;
    }
    add(&mut arguments, bases.iter().map(|b| time(b.read_at)).collect::<Vec<_>>())?;
    add(&mut arguments, bases.iter().map(|b| time(b.deleted_at)).collect::<Vec<_>>())?;
    add(&mut arguments, bases.iter().map(|b| time(b.stale_since)).collect::<Vec<_>>())?;
    add(&mut arguments, bases.iter().map(|b| time(b.seen_at)).collect::<Vec<_>>())?;
    let ledgers: Result<Vec<Vec<u8>>, _> = bases.iter().map(|b| b.ledger.to_bytes()).collect();
    add(&mut arguments, ledgers.map_err(|error| sqlx::Error::Encode(error.into()))?)?;
    R::bind(rows, &mut arguments)?;
    Ok(arguments)
}

fn read_base(row: &PgRow) -> Result<Base, sqlx::Error> {
    let ledger =
        Ledger::read(row.try_get::<&[u8], _>(13)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Base {
        key: (MerchantId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?),
        revision: row.try_get(3)?,
        connection_id: ConnectionId(row.try_get(4)?),
        created: [get_time(row, 5)?, get_time(row, 6)?, get_time(row, 7)?, get_time(row, 8)?],
        read_at: get_time(row, 9)?,
        deleted_at: get_time(row, 10)?,
        stale_since: get_time(row, 11)?,
        seen_at: get_time(row, 12)?,
        ledger,
    })
}

/// Adds one array argument.
pub fn add<T>(arguments: &mut PgArguments, values: Vec<T>) -> Result<(), sqlx::Error>
where
    T: PgHasArrayType + Type<Postgres> + for<'q> Encode<'q, Postgres> + Send + 'static,
{
    arguments.add(values).map_err(sqlx::Error::Encode)
}

/// Adds texts.
pub fn add_texts<'v>(
    arguments: &mut PgArguments,
    values: impl Iterator<Item = Option<&'v str>>,
) -> Result<(), sqlx::Error> {
    arguments.add(values.collect::<Vec<Option<&'v str>>>()).map_err(sqlx::Error::Encode)
}

/// A time as Postgres takes it.
pub fn time(at: Option<Millis>) -> Option<DateTime<Utc>> {
    at.map(Millis::to_utc)
}

/// An amount as Postgres takes it.
pub fn decimal(amount: Option<Amount>) -> Option<Decimal> {
    amount.map(Decimal::from)
}

/// Reads columns one after the other.
pub struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From column number `first` on.
    pub fn new(row: &'r PgRow, first: usize) -> Self {
        Self { row, next: first }
    }

    /// The next column. Its type is not compared row by row: the statement and the column are both ours, and a value of
    /// another shape still fails to decode.
    pub fn take<T: sqlx::Decode<'r, Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        self.next += 1;
        self.row.try_get_unchecked(self.next - 1)
    }

    /// The next column, a time.
    pub fn time(&mut self) -> Result<Option<Millis>, sqlx::Error> {
        self.next += 1;
        get_time(self.row, self.next - 1)
    }

    /// The next column, an amount.
    pub fn amount(&mut self) -> Result<Option<Amount>, sqlx::Error> {
        let decimal: Option<Decimal> = self.take()?;
        decimal.map(Amount::try_from).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

/// Paths that could not be read as one text, as rows keep them; none where there are none.
pub fn unreadable_of(paths: &[String]) -> Option<String> {
    (!paths.is_empty()).then(|| paths.join("\n"))
}

/// The paths in such a text.
pub fn unreadable(text: Option<String>) -> Vec<String> {
    text.map_or_else(Vec::new, |text| text.lines().map(str::to_owned).collect())
}

/// A Postgres array as text, every element quoted.
pub fn text_array(texts: &[String]) -> String {
    let quoted: Vec<String> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

/// Reads a `timestamptz` as it travels (microseconds since 2000), without a calendar in between: a row has a dozen of them.
fn get_time(row: &PgRow, index: usize) -> Result<Option<Millis>, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    let micros = bytes.try_into().map(i64::from_be_bytes).map_err(|_| {
        sqlx::Error::Decode(format!("column {index} is no timestamptz: {} bytes", bytes.len()).into())
    })?;
    Ok(Some(Millis(POSTGRES_EPOCH_MS + micros.div_euclid(1_000))))
}
