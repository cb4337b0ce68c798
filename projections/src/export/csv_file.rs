//! CSV that opens right in Excel and LibreOffice: RFC 4180, a byte order mark where wanted, headings in the user's language,
//! and no cell that a spreadsheet would take for a formula.

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use csv::{Terminator, Writer, WriterBuilder};

use super::report::Column;
use super::rows::{Block, Cell};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes rows as CSV. Times are of the zone asked for, as `2026-03-31 14:05:09`; money and quantities have four decimals; yes
/// and no are `true` and `false`.
pub(super) struct CsvFile {
    zone: Tz,
    scratch: Vec<u8>,
}

impl CsvFile {
    /// With the times of `zone`.
    pub(super) fn new(zone: Tz) -> Self {
        Self { zone, scratch: Vec::with_capacity(64) }
    }

    /// The first line: headings in Arabic or English.
    pub(super) fn headings(
        columns: &[&Column],
        locale: &str,
        byte_order_mark: bool,
    ) -> std::io::Result<Vec<u8>> {
        let start = if byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { vec![] };
        let mut line = writer(start);
        for column in columns {
            line.write_field(if locale == "ar" { column.arabic } else { column.english })?;
        }
        line.write_record(None::<&[u8]>)?;
        finished(line)
    }

    /// The lines of a block.
    pub(super) fn rows(&mut self, block: &Block) -> std::io::Result<Vec<u8>> {
        let mut lines = writer(Vec::with_capacity(block.cells.len() * 12));
        for row in block.cells.chunks_exact(block.width) {
            for cell in row {
                self.scratch.clear();
                match *cell {
                    Cell::Null => {}
                    Cell::Integer(number) => write_integer(&mut self.scratch, number),
                    Cell::Decimal(number) => write_decimal(&mut self.scratch, number),
                    Cell::Time(millis) => write_time(&mut self.scratch, millis, self.zone),
                    Cell::Boolean(yes) => {
                        self.scratch.extend_from_slice(if yes { b"true" } else { b"false" });
                    }
                    text @ (Cell::Text { .. } | Cell::Opened(_)) => {
                        let text = block.text(text).unwrap_or_default();
                        if !is_formula(text) {
                            lines.write_field(text)?;
                            continue;
                        }
                        self.scratch.push(b'\'');
                        self.scratch.extend_from_slice(text.as_bytes());
                    }
                }
                lines.write_field(&self.scratch)?;
            }
            lines.write_record(None::<&[u8]>)?;
        }
        finished(lines)
    }
}

/// Whether a spreadsheet would run a text (OWASP, CSV injection).
fn is_formula(text: &str) -> bool {
    matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

fn writer(into: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_writer(into)
}

fn finished(writer: Writer<Vec<u8>>) -> std::io::Result<Vec<u8>> {
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

/// Decimal digits.
pub(super) fn write_integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Ten-thousandths as a number with four decimals.
pub(super) fn write_decimal(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let number = number.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(number / 10_000).as_bytes());
    let rest = number % 10_000;
    out.extend_from_slice(&[b'.', digit(rest / 1_000), digit(rest / 100), digit(rest / 10), digit(rest)]);
}

/// `2026-03-31 14:05:09` in a zone. What is no time of any calendar is left out.
fn write_time(out: &mut Vec<u8>, millis: i64, zone: Tz) {
    let Some(instant) = DateTime::from_timestamp_millis(millis) else { return };
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    write_civil(out, instant.naive_utc() + offset, b' ');
}

/// Date and time without a zone, to the second.
pub(super) fn write_civil(out: &mut Vec<u8>, time: NaiveDateTime, between: u8) {
    let year = u64::from(time.year().unsigned_abs());
    out.extend_from_slice(&[digit(year / 1_000), digit(year / 100), digit(year / 10), digit(year)]);
    let two = |out: &mut Vec<u8>, before: u8, number: u32| {
        out.extend_from_slice(&[before, digit(u64::from(number / 10)), digit(u64::from(number))]);
    };
    two(out, b'-', time.month());
    two(out, b'-', time.day());
    two(out, between, time.hour());
    two(out, b':', time.minute());
    two(out, b':', time.second());
}

/// The last decimal digit of a number.
pub(super) fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::report::Report;
    use super::super::rows::tests::products;
    use super::*;

    fn lines(rows: &[(i64, &str, Option<i64>, Option<i64>)]) -> String {
        let columns = Report::Products.columns(true);
        let (block, _) = Block::cut(&columns, &Bytes::from(products(rows))).expect("rows");
        let lines = CsvFile::new(Tz::Asia__Riyadh).rows(&block).expect("CSV");
        String::from_utf8(lines).expect("UTF-8")
    }

    fn first_cells(line: &str) -> (String, String) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().expect("a line").expect("readable");
        (record[1].to_owned(), record[5].to_owned())
    }

    #[test]
    fn no_cell_is_taken_for_a_formula_and_numbers_stay_numbers() {
        for name in ["=1+1", "+966500000000", "-5", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(first_cells(&lines(&[(1, name, Some(-125_000), None)])).0, format!("'{name}"));
        }
        assert!(lines(&[(1, "=1", Some(-125_000), None)]).contains(",-12.5000,"));
        assert_eq!(first_cells(&lines(&[(1, "a=1", None, None)])).0, "a=1");
    }

    #[test]
    fn cells_with_quotes_commas_and_line_breaks_are_quoted_and_lines_end_as_rfc_4180_says() {
        let name = "تمر \"سكري\", علبة\r\n1 كجم";
        let text = lines(&[(1, name, None, None)]);
        assert!(text.ends_with("\r\n"), "{text:?}");
        assert_eq!(first_cells(&text).0, name);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert!(lines(&[(1, "x", None, Some(1_774_955_109_000))]).contains(",2026-03-31 14:05:09,"));
    }

    #[test]
    fn headings_are_in_the_users_language_behind_a_mark_where_it_is_wanted() {
        let columns = Report::Products.columns(true);
        let arabic = CsvFile::headings(&columns, "ar", true).expect("headings");
        assert!(arabic.starts_with(BYTE_ORDER_MARK));
        assert!(String::from_utf8_lossy(&arabic).contains("معرّف المنتج"));
        let english = CsvFile::headings(&columns, "en", false).expect("headings");
        assert!(english.starts_with(b"Product id,Name,SKU,"));
    }

    proptest! {
        #[test]
        fn dates_are_those_of_the_calendar(seconds in -2_208_988_800_i64..4_102_444_800) {
            let mut out = vec![];
            let time = DateTime::from_timestamp(seconds, 0).expect("a time").naive_utc();
            write_civil(&mut out, time, b'T');
            let expected = time.format("%Y-%m-%dT%H:%M:%S").to_string();
            prop_assert_eq!(String::from_utf8(out).expect("ASCII"), expected);
        }

        #[test]
        fn decimals_are_exact(number in any::<i64>()) {
            let mut out = vec![];
            write_decimal(&mut out, number);
            let text = String::from_utf8(out).expect("ASCII");
            let digits: i128 = text.replace('.', "").parse().expect("a number");
            prop_assert_eq!(digits, i128::from(number));
            prop_assert_eq!(text.split('.').nth(1).map(str::len), Some(4));
        }
    }
}
