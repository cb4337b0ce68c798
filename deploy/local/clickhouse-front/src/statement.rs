//! What a request asks for: ClickHouse's URL parameters and the statement they make with the body.

use std::collections::BTreeMap;

/// Parameters that are about the transport or the session, not settings of the query.
const IGNORED: [&str; 8] = [
    "user",
    "password",
    "query_id",
    "wait_end_of_query",
    "buffer_size",
    "role",
    "quota_key",
    "send_progress_in_http_headers",
];
/// What this front does not do; asking for it is an error rather than a surprise.
const REFUSED: [(&str, &str); 3] =
    [("session_id", "sessions"), ("compress", "compressed answers"), ("decompress", "compressed requests")];

/// A statement with all that belongs to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// SQL from the URL; the body is data or the rest of the SQL.
    pub query: String,
    /// Database to run it in.
    pub database: Option<String>,
    /// Output format where the SQL names none.
    pub default_format: Option<String>,
    /// Values of `{name:Type}` in the SQL.
    pub parameters: BTreeMap<String, String>,
    /// Settings of this query.
    pub settings: BTreeMap<String, String>,
}

/// What kind of work a statement is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Kind {
    /// Has a result worth streaming.
    Query,
    /// Takes data.
    Insert,
    /// Everything else.
    Command,
}

impl Statement {
    /// Reads the parameters of a URL; refuses what this front cannot do, by name.
    pub fn from_url(parameters: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        let mut statement = Self::default();
        for (name, value) in parameters {
            if let Some((_, what)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                if value != "0" {
                    return Err(format!("this local front does not support {what} (parameter `{name}`)"));
                }
                continue;
            }
            match name.as_str() {
                "query" => statement.query = value,
                "database" => statement.database = Some(value),
                "default_format" => statement.default_format = Some(value),
                ignored if IGNORED.contains(&ignored) => {}
                other => match other.strip_prefix("param_") {
                    Some(parameter) => drop(statement.parameters.insert(parameter.to_owned(), value)),
                    None => drop(statement.settings.insert(name, value)),
                },
            }
        }
        Ok(statement)
    }

    /// The database it runs in.
    pub fn database(&self) -> Result<&str, String> {
        name(self.database.as_deref().unwrap_or("default"))
    }

    /// The statement that prepares a connection for this one, and the one that leaves it as it was; none where there is nothing to do. Each
    /// statement takes the engine a millisecond or two, so all settings and parameters are set by one.
    pub fn surroundings(&self) -> Result<(Option<String>, Option<String>), String> {
        let mut before = Vec::new();
        let mut after = Vec::new();
        for (setting, value) in &self.settings {
            before.push(format!("{} = {}", name(setting)?, quoted(value)));
            after.push(format!("{} = DEFAULT", name(setting)?));
        }
        for (parameter, value) in &self.parameters {
            before.push(format!("param_{} = {}", name(parameter)?, quoted(value)));
        }
        let set = |all: Vec<String>| (!all.is_empty()).then(|| format!("SET {}", all.join(", ")));
        Ok((set(before), set(after)))
    }
}

/// Kind of a statement, by its first word.
pub fn kind(sql: &str) -> Kind {
    let first: String = without_comments(sql).chars().take_while(char::is_ascii_alphabetic).collect();
    match first.to_ascii_uppercase().as_str() {
        "SELECT" | "WITH" | "SHOW" | "DESCRIBE" | "DESC" | "EXISTS" | "EXPLAIN" => Kind::Query,
        "INSERT" => Kind::Insert,
        _ => Kind::Command,
    }
}

/// Splits `INSERT … FORMAT X` into the insert and its format; data in the SQL itself stays with the insert.
pub fn split_insert_format(sql: &str) -> (&str, Option<&str>) {
    let trimmed = sql.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    let Some(at) = trimmed.to_ascii_uppercase().rfind("FORMAT ") else { return (trimmed, None) };
    let format = trimmed[at + 7..].trim();
    let is_word = !format.is_empty() && format.chars().all(|c| c.is_ascii_alphanumeric());
    if is_word { (trimmed[..at].trim_end(), Some(format)) } else { (trimmed, None) }
}

/// How the pieces of a streamed result fit together: the engine writes each piece as a document of its own.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Pieces {
    /// Rows follow rows; pieces are simply joined.
    Plain,
    /// Every piece repeats a header of text lines, so many.
    Lines(usize),
    /// Every piece repeats column names (and types): a count, then so many texts for each column.
    Columns(usize),
    /// Only the whole is a document.
    Whole,
}

/// How pieces of a result of `sql` fit together.
pub fn pieces(sql: &str, default_format: &str) -> Pieces {
    match split_insert_format(sql).1.unwrap_or(default_format) {
        "RowBinary" | "TabSeparated" | "TSV" | "TabSeparatedRaw" | "TSVRaw" | "CSV" | "JSONEachRow"
        | "NDJSON" => Pieces::Plain,
        "CSVWithNames" | "TabSeparatedWithNames" | "TSVWithNames" => Pieces::Lines(1),
        "RowBinaryWithNames" => Pieces::Columns(1),
        "RowBinaryWithNamesAndTypes" => Pieces::Columns(2),
        _ => Pieces::Whole,
    }
}

impl Pieces {
    /// Length of the header that `piece` starts with.
    pub fn header(self, piece: &[u8]) -> usize {
        match self {
            Self::Plain | Self::Whole => 0,
            Self::Lines(count) => {
                let mut ends =
                    piece.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
                ends.nth(count - 1).unwrap_or(piece.len())
            }
            Self::Columns(texts) => columns_header(piece, texts).unwrap_or(0),
        }
    }
}

fn columns_header(piece: &[u8], texts: usize) -> Option<usize> {
    let (columns, mut at) = varint(piece, 0)?;
    for _ in 0..columns * texts {
        let (length, start) = varint(piece, at)?;
        at = start.checked_add(length)?;
    }
    (at <= piece.len()).then_some(at)
}

/// An unsigned LEB128 number at `at`, and where it ends.
fn varint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
        shift += 7;
    }
}

fn without_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    loop {
        let next = match rest {
            r if r.starts_with("--") => r.split_once('\n').map_or("", |(_, after)| after),
            r if r.starts_with("/*") => r.split_once("*/").map_or("", |(_, after)| after),
            r => return r,
        };
        rest = next.trim_start();
    }
}

fn name(text: &str) -> Result<&str, String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if plain { Ok(text) } else { Err(format!("not a name of a database, setting or parameter: {text:?}")) }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(pairs: &[(&str, &str)]) -> Result<Statement, String> {
        Statement::from_url(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())))
    }

    #[test]
    fn what_this_front_cannot_do_is_refused_by_name() {
        assert!(statement(&[("compress", "1")]).is_err_and(|e| e.contains("compress")));
        assert!(statement(&[("compress", "0")]).is_ok());
        assert!(statement(&[("session_id", "x")]).is_err());
    }

    #[test]
    fn settings_are_undone_and_values_cannot_leave_their_quotes() {
        let asked =
            statement(&[("insert_deduplication_token", "a'; DROP"), ("param_id", "7")]).expect("read");
        let (before, after) = asked.surroundings().expect("built");
        assert_eq!(before.as_deref(), Some("SET insert_deduplication_token = 'a\\'; DROP', param_id = '7'"));
        assert_eq!(after.as_deref(), Some("SET insert_deduplication_token = DEFAULT"));
        let none = statement(&[("database", "a")]).expect("read");
        assert_eq!(none.surroundings(), Ok((None, None)));
        assert!(statement(&[("database", "a`b")]).expect("read").database().is_err());
        assert!(statement(&[("a b", "1")]).expect("read").surroundings().is_err());
    }

    #[test]
    fn repeated_headers_of_pieces_are_measured() {
        let piece = [&[2_u8, 1][..], b"a", &[1], b"b", &[6], b"UInt64", &[6], b"String", &[9, 9]].concat();
        assert_eq!(
            pieces("SELECT 1 FORMAT RowBinaryWithNamesAndTypes", "TSV").header(&piece),
            piece.len() - 2
        );
        assert_eq!(pieces("SELECT 1", "CSVWithNames").header(b"a,b\n1,2\n"), 4);
        assert_eq!(pieces("SELECT 1", "RowBinary").header(&piece), 0);
        assert_eq!(pieces("SELECT 1", "JSON"), Pieces::Whole);
    }

    #[test]
    fn statements_are_told_apart_by_their_first_word() {
        assert_eq!(kind("-- note\n /* x */ select 1"), Kind::Query);
        assert_eq!(kind("  (select 1)"), Kind::Query);
        assert_eq!(kind("with 1 as x select x"), Kind::Query);
        assert_eq!(kind("insert into t values (1)"), Kind::Insert);
        assert_eq!(kind("CREATE TABLE t (a Int8) ENGINE = Memory"), Kind::Command);
        assert_eq!(
            split_insert_format("INSERT INTO t(a) FORMAT RowBinary"),
            ("INSERT INTO t(a)", Some("RowBinary"))
        );
        assert_eq!(split_insert_format("INSERT INTO t SELECT 1"), ("INSERT INTO t SELECT 1", None));
    }
}
