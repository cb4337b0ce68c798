//! NDJSON: one object a line, absent cells as null, times in ISO 8601 UTC, money and quantities as strings, so that no reader
//! makes a float of them (API.md).

use chrono::DateTime;

use super::csv_file::{digit, write_civil, write_decimal, write_integer};
use super::report::Column;
use super::rows::{Block, Cell};

/// Writes rows as NDJSON.
pub(super) struct NdjsonFile {
    /// `{"name":` or `,"name":`, by column.
    names: Vec<Vec<u8>>,
}

impl NdjsonFile {
    /// Of these columns.
    pub(super) fn new(columns: &[&Column]) -> Self {
        let name = |(place, column): (usize, &&Column)| {
            let start = if place == 0 { '{' } else { ',' };
            format!("{start}\"{}\":", column.name).into_bytes()
        };
        Self { names: columns.iter().enumerate().map(name).collect() }
    }

    /// The lines of a block.
    pub(super) fn rows(&self, block: &Block) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(block.cells.len() * 24);
        for row in block.cells.chunks_exact(block.width) {
            for (cell, name) in row.iter().zip(&self.names) {
                out.extend_from_slice(name);
                match *cell {
                    Cell::Null => out.extend_from_slice(b"null"),
                    Cell::Integer(number) => write_integer(&mut out, number),
                    Cell::Decimal(number) => {
                        out.push(b'"');
                        write_decimal(&mut out, number);
                        out.push(b'"');
                    }
                    Cell::Time(millis) => write_instant(&mut out, millis),
                    Cell::Boolean(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
                    text @ (Cell::Text { .. } | Cell::Opened { .. }) => {
                        serde_json::to_writer(&mut out, block.text(text).unwrap_or_default())?;
                    }
                }
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(out)
    }
}

fn write_instant(out: &mut Vec<u8>, millis: i64) {
    let Some(instant) = DateTime::from_timestamp_millis(millis) else {
        return out.extend_from_slice(b"null");
    };
    out.push(b'"');
    write_civil(out, instant.naive_utc(), b'T');
    let rest = millis.rem_euclid(1_000).unsigned_abs();
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest), b'Z', b'"']);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::report::Report;
    use super::super::rows::tests::{cut, products};
    use super::*;

    #[test]
    fn every_line_is_an_object_of_all_columns_without_floats() {
        let columns = Report::Products.columns(true);
        let rows =
            products(&[(7, "تمر \"سكري\"\n", Some(125_000), Some(1_774_955_109_007)), (8, "", None, None)]);
        let (block, _) = cut(&rows).expect("rows");
        let text = String::from_utf8(NdjsonFile::new(&columns).rows(&block).expect("NDJSON")).expect("UTF-8");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["name"], "تمر \"سكري\"\n");
        assert_eq!(lines[0]["price"], "12.5000");
        assert_eq!(lines[0]["createdAt"], "2026-03-31T11:05:09.007Z");
        assert_eq!(lines[1].as_object().map(serde_json::Map::len), Some(columns.len()));
        assert_eq!(lines[1]["name"], Value::Null);
    }
}
