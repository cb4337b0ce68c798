//! Rows as ClickHouse sends them (`RowBinary`), cut into blocks of cells. Text stays where it arrived; a cell only says where.

use std::collections::HashMap;

use bytes::Bytes;

use super::report::{Column, Kind};

/// A cell of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Absent.
    Null,
    /// A whole number.
    Integer(i64),
    /// Ten-thousandths.
    Decimal(i64),
    /// Milliseconds since the Unix epoch.
    Time(i64),
    /// Yes or no.
    Boolean(bool),
    /// Text, in the bytes of the block.
    Text {
        /// Where it begins.
        start: u32,
        /// Its length.
        length: u32,
    },
    /// A text that was opened: its place among the opened ones.
    Opened(u32),
}

/// Whole rows, one after the other.
#[derive(Debug, Default)]
pub struct Block {
    /// Cells, row by row.
    pub cells: Vec<Cell>,
    /// Cells of a row.
    pub width: usize,
    bytes: Bytes,
    opened: Vec<String>,
}

/// Rows that are not what their columns say.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    /// The bytes are no rows of these columns.
    #[error("ClickHouse sent rows that are not of the columns asked for (column {0})")]
    Malformed(&'static str),
}

impl Block {
    /// Cuts the whole rows at the start of `bytes`; also how many bytes they take.
    pub fn cut(columns: &[&'static Column], bytes: &Bytes) -> Result<(Self, usize), RowError> {
        let mut cells = Vec::with_capacity(bytes.len() / 6);
        let mut at = 0;
        'rows: while at < bytes.len() {
            let (row_start, mut next) = (cells.len(), at);
            for column in columns {
                let Some((cell, end)) = cell(column, bytes, next)? else {
                    cells.truncate(row_start);
                    break 'rows;
                };
                cells.push(cell);
                next = end;
            }
            at = next;
        }
        Ok((Self { cells, width: columns.len(), bytes: bytes.slice(..at), opened: vec![] }, at))
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// The text of a cell, which is UTF-8; none for a cell that is no text.
    pub fn bytes(&self, cell: Cell) -> Option<&[u8]> {
        match cell {
            Cell::Text { start, length } => {
                let (start, length) = (start as usize, length as usize);
                self.bytes.get(start..start + length)
            }
            Cell::Opened(place) => self.opened.get(place as usize).map(String::as_bytes),
            _ => None,
        }
    }

    /// The text of a cell; none for a cell that is no text.
    pub fn text(&self, cell: Cell) -> Option<&str> {
        std::str::from_utf8(self.bytes(cell)?).ok()
    }

    /// Puts what `open` makes of the texts in these columns in their place; a text of which it makes nothing becomes absent. Equal
    /// texts are opened once: a receiver is most often the customer.
    pub fn open_texts(&mut self, columns: &[usize], mut open: impl FnMut(&str) -> Opening) {
        let Self { cells, width, bytes, opened } = self;
        let mut known: HashMap<&[u8], Cell> = HashMap::with_capacity(cells.len() / (*width).max(1));
        for row in cells.chunks_exact_mut(*width) {
            for column in columns {
                let Cell::Text { start, length } = row[*column] else { continue };
                let text = &bytes[start as usize..(start + length) as usize];
                row[*column] = *known.entry(text).or_insert_with(|| {
                    match std::str::from_utf8(text).map_or(Opening::Absent, &mut open) {
                        Opening::AsItIs => Cell::Text { start, length },
                        Opening::Absent => Cell::Null,
                        Opening::Opened(text) => {
                            opened.push(text);
                            Cell::Opened(u32::try_from(opened.len() - 1).unwrap_or(u32::MAX))
                        }
                    }
                });
            }
        }
    }
}

/// What becomes of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// It was not sealed.
    AsItIs,
    /// It was erased, or its key is gone.
    Absent,
    /// What had been sealed.
    Opened(String),
}

/// The cell at `at`, and where it ends; none where the bytes end before.
fn cell(column: &'static Column, bytes: &[u8], at: usize) -> Result<Option<(Cell, usize)>, RowError> {
    if column.kind == Kind::Text {
        return text(column, bytes, at);
    }
    let malformed = || RowError::Malformed(column.name);
    let at = match bytes.get(at) {
        None => return Ok(None),
        Some(0) => at + 1,
        Some(1) => return Ok(Some((Cell::Null, at + 1))),
        Some(_) => return Err(malformed()),
    };
    if column.kind == Kind::Boolean {
        return Ok(bytes.get(at).map(|byte| (Cell::Boolean(*byte != 0), at + 1)));
    }
    let Some(number) = bytes.get(at..at + 8) else { return Ok(None) };
    let number = i64::from_le_bytes(number.try_into().map_err(|_| malformed())?);
    let cell = match column.kind {
        Kind::Decimal => Cell::Decimal(number),
        Kind::Time => Cell::Time(number),
        Kind::Integer | Kind::Text | Kind::Boolean => Cell::Integer(number),
    };
    Ok(Some((cell, at + 8)))
}

fn text(column: &'static Column, bytes: &[u8], mut at: usize) -> Result<Option<(Cell, usize)>, RowError> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 28 {
            return Err(RowError::Malformed(column.name));
        }
    }
    let Some(text) = bytes.get(at..at + length) else { return Ok(None) };
    if length == 0 {
        return Ok(Some((Cell::Null, at)));
    }
    if std::str::from_utf8(text).is_err() {
        return Err(RowError::Malformed(column.name));
    }
    let place = |number: usize| u32::try_from(number).map_err(|_| RowError::Malformed(column.name));
    Ok(Some((Cell::Text { start: place(at)?, length: place(length)? }, at + length)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::report::Report;
    use super::*;

    /// Rows of products as ClickHouse would send them, with this name, price and creation, all else absent.
    pub(in super::super) fn products(rows: &[(i64, &str, Option<i64>, Option<i64>)]) -> Vec<u8> {
        let mut bytes = vec![];
        for (id, name, price, created) in rows {
            for column in Report::Products.columns(true) {
                let number = match column.name {
                    "productId" => Some(*id),
                    "price" => *price,
                    "createdAt" => *created,
                    _ => None,
                };
                match (column.kind, number) {
                    (Kind::Text, _) => {
                        let text = if column.name == "name" { *name } else { "" };
                        let mut length = text.len();
                        while length >= 0x80 {
                            bytes.push(u8::try_from(length & 0x7f).expect("7 bits") | 0x80);
                            length >>= 7;
                        }
                        bytes.push(u8::try_from(length).expect("7 bits"));
                        bytes.extend_from_slice(text.as_bytes());
                    }
                    (_, None) => bytes.push(1),
                    (_, Some(number)) => {
                        bytes.push(0);
                        bytes.extend_from_slice(&number.to_le_bytes());
                    }
                }
            }
        }
        bytes
    }

    #[test]
    fn rows_are_the_same_wherever_the_bytes_are_cut() {
        let columns = Report::Products.columns(true);
        let long = "نص طويل ".repeat(40);
        let bytes = products(&[(7, "تمر", Some(125_000), Some(1_000)), (8, &long, None, None)]);
        let (whole, taken) = Block::cut(&columns, &Bytes::from(bytes.clone())).expect("rows");
        assert_eq!((whole.rows(), taken), (2, bytes.len()));
        assert_eq!(whole.cells[0], Cell::Integer(7));
        assert_eq!(whole.text(whole.cells[1]), Some("تمر"));
        for end in 0..bytes.len() {
            let (first, taken) =
                Block::cut(&columns, &Bytes::copy_from_slice(&bytes[..end])).expect("a part");
            let (rest, last) =
                Block::cut(&columns, &Bytes::copy_from_slice(&bytes[taken..])).expect("the rest");
            assert_eq!((first.rows() + rest.rows(), taken + last), (2, bytes.len()), "cut at {end}");
        }
    }

    #[test]
    fn bytes_that_are_no_rows_are_refused() {
        let columns = Report::Products.columns(true);
        assert_eq!(
            Block::cut(&columns, &Bytes::from_static(&[7])).map(|_| ()),
            Err(RowError::Malformed("productId"))
        );
    }
}
