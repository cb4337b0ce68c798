//! Excel workbooks (Office Open XML), written in constant memory: rows go to files of the machine as they come, and the workbook is packed at
//! the end. A sheet reads from the right where its headings are Arabic.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::file::{FileError, Writing};
use super::report::{Column, Kind};
use super::rows::{Block, Cell};

/// Rows of a sheet, the headings among them: what Excel reads.
const MAX_ROWS: u32 = 1_048_576;
/// UTF-16 units of a cell.
const MAX_UNITS: usize = 32_767;
/// Excel counts with 15 digits; a number with more is written as text, so that none is lost.
const MAX_EXACT: i64 = 999_999_999_999_999;
/// Days from 1899-12-30, where Excel begins to count, to the Unix epoch.
const EPOCH_DAYS: f64 = 25_569.0;
const MS_A_DAY: f64 = 86_400_000.0;
/// A piece of the packed file.
const PIECE: usize = 1 << 20;

/// Writes rows as a workbook.
pub(super) struct XlsxFile {
    workbook: Workbook,
    columns: Vec<&'static Column>,
    zone: Tz,
    is_arabic: bool,
    formats: Formats,
    sheets: usize,
    row: u32,
    max_rows: u32,
}

struct Formats {
    heading: Format,
    amount: Format,
    time: Format,
}

impl XlsxFile {
    /// Of these columns, with the times of `zone`.
    pub(super) fn new(columns: &[&'static Column], zone: Tz, writing: &Writing) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        // The same rows are the same file, whenever they are written.
        let made = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_author("Qafila").set_creation_datetime(&made));
        let formats = Formats {
            heading: Format::new().set_bold(),
            amount: Format::new().set_num_format("#,##0.00##"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        };
        let mut file = Self {
            workbook,
            columns: columns.to_vec(),
            zone,
            is_arabic: writing.locale == "ar",
            formats,
            sheets: 0,
            row: 0,
            max_rows: MAX_ROWS,
        };
        file.begin_sheet()?;
        Ok(file)
    }

    /// Takes the rows of a block.
    pub(super) fn rows(&mut self, block: &Block) -> Result<(), XlsxError> {
        for cells in block.cells.chunks_exact(block.width) {
            if self.row == self.max_rows {
                self.begin_sheet()?;
            }
            let sheet = self.workbook.worksheet_from_index(self.sheets - 1)?;
            for (place, cell) in (0_u16..).zip(cells) {
                write(sheet, self.row, place, block, *cell, self.zone, &self.formats)?;
            }
            self.row += 1;
        }
        Ok(())
    }

    /// The packed file.
    pub(super) fn finish(mut self) -> Result<Packed, FileError> {
        let mut file = tempfile::tempfile()?;
        self.workbook.save_to_writer(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Packed(file))
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        let number = self.sheets + 1;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(if self.is_arabic {
            format!("الصفوف {number}")
        } else {
            format!("Rows {number}")
        })?;
        sheet.set_right_to_left(self.is_arabic);
        sheet.set_freeze_panes(1, 0)?;
        for (place, column) in (0_u16..).zip(&self.columns) {
            sheet.set_column_width(place, width(column.kind))?;
            let heading = if self.is_arabic { column.arabic } else { column.english };
            sheet.write_string_with_format(0, place, heading, &self.formats.heading)?;
        }
        self.sheets = number;
        self.row = 1;
        Ok(())
    }
}

/// Characters that a column is wide.
fn width(kind: Kind) -> f64 {
    match kind {
        Kind::Integer | Kind::Decimal => 14.0,
        Kind::Text => 22.0,
        Kind::Time => 19.0,
        Kind::Boolean => 8.0,
    }
}

fn write(
    sheet: &mut Worksheet,
    row: u32,
    place: u16,
    block: &Block,
    cell: Cell,
    zone: Tz,
    formats: &Formats,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Null => return Ok(()),
        Cell::Integer(number) if is_exact(number) => sheet.write_number(row, place, number as f64)?,
        Cell::Integer(number) => sheet.write_string(row, place, number.to_string())?,
        Cell::Decimal(number) if is_exact(number) => {
            sheet.write_number_with_format(row, place, number as f64 / 10_000.0, &formats.amount)?
        }
        Cell::Decimal(number) => sheet.write_string(row, place, decimal(number))?,
        Cell::Time(millis) => match serial(millis, zone) {
            Some(serial) => sheet.write_number_with_format(row, place, serial, &formats.time)?,
            None => return Ok(()),
        },
        Cell::Boolean(yes) => sheet.write_boolean(row, place, yes)?,
        Cell::Text { .. } | Cell::Opened { .. } => {
            let text = block.text(cell).unwrap_or_default();
            sheet.write_string(row, place, shortened(text))?
        }
    };
    Ok(())
}

fn is_exact(number: i64) -> bool {
    (-MAX_EXACT..=MAX_EXACT).contains(&number)
}

fn decimal(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}.{:04}", number.unsigned_abs() / 10_000, number.unsigned_abs() % 10_000)
}

/// A time of the zone as Excel counts: days since 1899-12-30, to the second. None before 1900, which no sheet knows.
fn serial(millis: i64, zone: Tz) -> Option<f64> {
    let instant = DateTime::from_timestamp(millis.div_euclid(1_000), 0)?;
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc();
    let local = (instant.timestamp() + i64::from(offset)) * 1_000;
    let serial = local as f64 / MS_A_DAY + EPOCH_DAYS;
    (serial >= 61.0).then_some(serial)
}

/// As much of a text as a cell holds.
fn shortened(text: &str) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, letter)| {
        units += letter.len_utf16();
        units > MAX_UNITS
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// A packed file, to be read piece by piece.
pub(super) struct Packed(File);

impl Packed {
    /// The next piece; empty at the end.
    pub(super) fn piece(&mut self) -> std::io::Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE);
        Read::by_ref(&mut self.0).take(PIECE as u64).read_to_end(&mut piece)?;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia;

    use super::super::report::Report;
    use super::super::rows::tests::{cut, products};
    use super::*;

    fn writing(locale: &str) -> Writing {
        Writing {
            format: "xlsx".into(),
            compression: None,
            byte_order_mark: false,
            delimiter: b',',
            formula_guard: false,
            locale: locale.into(),
            most_rows: 100,
        }
    }

    fn packed(locale: &str, max_rows: u32) -> Vec<u8> {
        let columns = Report::Products.columns(true);
        let mut file = XlsxFile::new(&columns, Asia::Riyadh, &writing(locale)).expect("a file");
        file.max_rows = max_rows;
        let rows =
            products(&[(7, "=1+1", Some(125_000), Some(0)), (8, "تمر", None, None), (9, "c", None, None)]);
        file.rows(&cut(&rows).expect("rows").0).expect("written");
        let mut packed = file.finish().expect("packed");
        std::iter::from_fn(|| Some(packed.piece().expect("a piece")).filter(|piece| !piece.is_empty()))
            .flatten()
            .collect()
    }

    #[test]
    fn the_same_rows_are_the_same_file_and_more_rows_than_a_sheet_holds_go_to_the_next() {
        assert!(packed("ar", MAX_ROWS).starts_with(b"PK"));
        assert_eq!(packed("ar", MAX_ROWS), packed("ar", MAX_ROWS));
        let names =
            |file: &[u8], name: &str| file.windows(name.len()).filter(|at| *at == name.as_bytes()).count();
        // Each name stands beside its file and in the directory at the end.
        assert_eq!(names(&packed("en", MAX_ROWS), "xl/worksheets/sheet2.xml"), 0);
        assert_eq!(names(&packed("en", 3), "xl/worksheets/sheet2.xml"), 2);
    }

    #[test]
    fn times_are_those_of_the_zone_and_what_a_cell_cannot_hold_is_text_or_shortened() {
        assert_eq!(serial(0, Asia::Riyadh), Some(25_569.125));
        assert_eq!(serial(-4_000_000_000_000, Asia::Riyadh), None);
        assert!(is_exact(MAX_EXACT) && !is_exact(MAX_EXACT + 1));
        assert_eq!(decimal(-12_345), "-1.2345");
        assert_eq!(shortened(&"ش".repeat(40_000)).chars().count(), MAX_UNITS);
        assert_eq!(shortened(&"🐪".repeat(20_000)).chars().count(), MAX_UNITS / 2, "a camel is two units");
    }
}
