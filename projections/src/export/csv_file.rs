//! CSV that opens right in Excel and LibreOffice: RFC 4180, a byte order mark where wanted, headings in the user's language,
//! and no cell that a spreadsheet would take for a formula.

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use super::file::Writing;
use super::report::Column;
use super::rows::{Block, Cell};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const LINE_END: &[u8] = b"\r\n";
/// No zone has changed its offset at another moment than a quarter of an hour.
const QUARTER: i64 = 900;

/// Writes rows as CSV. Times are of the zone asked for, as `2026-03-31 14:05:09`; money and quantities have four decimals; yes
/// and no are `true` and `false`. RFC 4180 is written here and not by a library, because numbers and times, most of all cells, need
/// none of its care, which took half of an export's time.
pub(super) struct CsvFile {
    zone: Tz,
    dialect: Dialect,
    /// The quarter of an hour of the last time, and its offset in seconds.
    offset: (i64, i64),
}

impl CsvFile {
    /// With the times of `zone`.
    pub(super) fn new(zone: Tz, writing: &Writing) -> Self {
        let dialect = Dialect { delimiter: writing.delimiter, formula_guard: writing.formula_guard };
        Self { zone, dialect, offset: (i64::MIN, 0) }
    }

    /// The first line: headings in Arabic or English.
    pub(super) fn headings(&self, columns: &[&Column], writing: &Writing) -> Vec<u8> {
        let mut out = if writing.byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { vec![] };
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                out.push(self.dialect.delimiter);
            }
            let heading = if writing.locale == "ar" { column.arabic } else { column.english };
            self.dialect.write_text(&mut out, heading.as_bytes());
        }
        out.extend_from_slice(LINE_END);
        out
    }

    /// The lines of a block.
    pub(super) fn rows(&mut self, block: &Block) -> Vec<u8> {
        let mut out = Vec::with_capacity(block.cells.len() * 12);
        for row in block.cells.chunks_exact(block.width) {
            for (place, cell) in row.iter().enumerate() {
                if place > 0 {
                    out.push(self.dialect.delimiter);
                }
                match *cell {
                    Cell::Null => {}
                    Cell::Integer(number) => write_integer(&mut out, number),
                    Cell::Decimal(number) => write_decimal(&mut out, number),
                    Cell::Time(millis) => self.write_time(&mut out, millis),
                    Cell::Boolean(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
                    text @ (Cell::Text { .. } | Cell::Opened { .. }) => {
                        self.dialect.write_text(&mut out, block.bytes(text).unwrap_or_default());
                    }
                }
            }
            out.extend_from_slice(LINE_END);
        }
        out
    }

    /// `2026-03-31 14:05:09` in the zone. What is no time of any calendar is left out.
    fn write_time(&mut self, out: &mut Vec<u8>, millis: i64) {
        let seconds = millis.div_euclid(1_000);
        let quarter = seconds.div_euclid(QUARTER);
        if self.offset.0 != quarter {
            let Some(instant) = DateTime::from_timestamp(seconds, 0) else { return };
            let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
            self.offset = (quarter, i64::from(offset.local_minus_utc()));
        }
        if let Some(local) = DateTime::from_timestamp(seconds + self.offset.1, 0) {
            write_civil(out, local.naive_utc(), b' ');
        }
    }
}

/// How texts are written.
#[derive(Clone, Copy)]
struct Dialect {
    delimiter: u8,
    formula_guard: bool,
}

impl Dialect {
    /// A text, quoted where it must be (RFC 4180 §2), and with the guard never one that a spreadsheet would run (OWASP, CSV
    /// injection). Semicolons and tabs are quoted whatever the delimiter: Excel splits at them where its language does.
    fn write_text(self, out: &mut Vec<u8>, text: &[u8]) {
        let is_guarded = self.formula_guard && is_formula(text);
        let is_plain = !text.iter().any(|byte| matches!(byte, b'"' | b',' | b';' | b'\t' | b'\r' | b'\n'));
        if is_plain {
            if is_guarded {
                out.push(b'\'');
            }
            out.extend_from_slice(text);
            return;
        }
        out.push(b'"');
        if is_guarded {
            out.push(b'\'');
        }
        for part in text.split_inclusive(|byte| *byte == b'"') {
            out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}

/// Whether a spreadsheet may take a cell for a formula: by its first character, half or full width.
fn is_formula(text: &[u8]) -> bool {
    const FULL_WIDTH: [&str; 4] = ["＝", "＋", "－", "＠"];
    matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
        || FULL_WIDTH.iter().any(|sign| text.starts_with(sign.as_bytes()))
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
    use proptest::prelude::*;

    use super::super::report::Report;
    use super::super::rows::tests::{cut, products};
    use super::*;

    fn writing(delimiter: u8, formula_guard: bool, locale: &str, byte_order_mark: bool) -> Writing {
        Writing {
            format: "csv".into(),
            compression: None,
            byte_order_mark,
            delimiter,
            formula_guard,
            locale: locale.into(),
            most_rows: 1_000,
        }
    }

    fn written(rows: &[(i64, &str, Option<i64>, Option<i64>)], delimiter: u8, formula_guard: bool) -> String {
        let (block, _) = cut(&products(rows)).expect("rows");
        let writing = writing(delimiter, formula_guard, "ar", false);
        let lines = CsvFile::new(Tz::Asia__Riyadh, &writing).rows(&block);
        String::from_utf8(lines).expect("UTF-8")
    }

    fn lines(rows: &[(i64, &str, Option<i64>, Option<i64>)]) -> String {
        written(rows, b',', true)
    }

    fn first_cells(line: &str) -> (String, String) {
        cells_between(line, b',')
    }

    fn cells_between(line: &str, delimiter: u8) -> (String, String) {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(line.as_bytes());
        let record = reader.records().next().expect("a line").expect("readable");
        (record[1].to_owned(), record[5].to_owned())
    }

    #[test]
    fn no_cell_is_taken_for_a_formula_and_numbers_stay_numbers() {
        let names = [
            "=1+1",
            "+966500000000",
            "-5",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\n=1",
            "＝1+1",
            "＋1",
            "－1",
            "＠SUM(A1)",
        ];
        for name in names {
            assert_eq!(first_cells(&lines(&[(1, name, Some(-125_000), None)])).0, format!("'{name}"));
        }
        assert!(lines(&[(1, "=1", Some(-125_000), None)]).contains(",-12.5000,"));
        assert_eq!(first_cells(&lines(&[(1, "a=1", None, None)])).0, "a=1");
    }

    #[test]
    fn without_the_guard_a_phone_keeps_its_plus_and_any_delimiter_separates() {
        for delimiter in [b',', b';', b'\t'] {
            for name in ["+966500000000", "a;b", "a\tb", "a,b", "\n=1", "＝1"] {
                let line = written(&[(1, name, None, None)], delimiter, false);
                assert_eq!(cells_between(&line, delimiter).0, name);
            }
        }
    }

    #[test]
    fn a_cell_with_a_semicolon_or_a_tab_is_quoted_whatever_the_delimiter() {
        for name in ["a;=1", "a\t=1"] {
            assert!(lines(&[(1, name, None, None)]).contains(&format!("\"{name}\"")), "{name:?}");
        }
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
        let headings = |locale, byte_order_mark| {
            let writing = writing(b',', true, locale, byte_order_mark);
            CsvFile::new(Tz::Asia__Riyadh, &writing).headings(&columns, &writing)
        };
        let arabic = headings("ar", true);
        assert!(arabic.starts_with(BYTE_ORDER_MARK));
        assert!(String::from_utf8_lossy(&arabic).contains("معرّف المنتج"));
        let english = headings("en", false);
        assert!(english.starts_with(b"Product id,Name,SKU,"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_but_for_the_guard(text in "[=+@＝＋－＠a-zء-ي,;\"\r\n\t -]{0,24}") {
            let (name, _) = first_cells(&lines(&[(1, &text, None, None)]));
            let guarded = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
            prop_assert_eq!(name, if guarded { format!("'{text}") } else { text });
        }

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
