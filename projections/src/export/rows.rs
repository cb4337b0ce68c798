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
    /// A text that was opened, in the opened texts of the block.
    Opened {
        /// Where it begins.
        start: u32,
        /// Its length.
        length: u32,
    },
}

/// Whole rows, one after the other.
#[derive(Debug, Default)]
pub struct Block {
    /// Cells, row by row.
    pub cells: Vec<Cell>,
    /// Cells of a row.
    pub width: usize,
    bytes: Bytes,
    opened: String,
}

/// Rows that are not what their columns say.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    /// The bytes are no rows of these columns.
    #[error("ClickHouse sent rows that are not of the columns asked for (column {0})")]
    Malformed(&'static str),
}

impl Block {
    /// Becomes the whole rows at the start of `bytes`, whatever it was before, in the memory it has; how many bytes they take.
    pub fn cut(&mut self, columns: &[&'static Column], bytes: &Bytes) -> Result<usize, RowError> {
        let Self { cells, width, bytes: kept, opened } = self;
        cells.clear();
        opened.clear();
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
        *width = columns.len();
        *kept = bytes.slice(..at);
        Ok(at)
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// The text of a cell, which is UTF-8; none for a cell that is no text.
    pub fn bytes(&self, cell: Cell) -> Option<&[u8]> {
        match cell {
            Cell::Text { start, length } => part(&self.bytes, start, length),
            Cell::Opened { start, length } => part(self.opened.as_bytes(), start, length),
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
                            // A sealed text is longer than what was sealed, and a block is far below 4 GiB.
                            let cell = Cell::Opened { start: opened.len() as u32, length: text.len() as u32 };
                            opened.push_str(&text);
                            cell
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

fn part(bytes: &[u8], start: u32, length: u32) -> Option<&[u8]> {
    bytes.get(start as usize..start as usize + length as usize)
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

    /// The rows of `bytes`, and how many bytes they take.
    pub(in super::super) fn cut(bytes: &[u8]) -> Result<(Block, usize), RowError> {
        let mut block = Block::default();
        let taken = block.cut(&Report::Products.columns(true), &Bytes::copy_from_slice(bytes))?;
        Ok((block, taken))
    }

    #[test]
    fn rows_are_the_same_wherever_the_bytes_are_cut() {
        let long = "نص طويل ".repeat(40);
        let bytes = products(&[(7, "تمر", Some(125_000), Some(1_000)), (8, &long, None, None)]);
        let (whole, taken) = cut(&bytes).expect("rows");
        assert_eq!((whole.rows(), taken), (2, bytes.len()));
        assert_eq!(whole.cells[0], Cell::Integer(7));
        assert_eq!(whole.text(whole.cells[1]), Some("تمر"));
        for end in 0..bytes.len() {
            let (first, taken) = cut(&bytes[..end]).expect("a part");
            let (rest, last) = cut(&bytes[taken..]).expect("the rest");
            assert_eq!((first.rows() + rest.rows(), taken + last), (2, bytes.len()), "cut at {end}");
        }
    }

    #[test]
    fn nothing_is_left_of_what_a_block_was_before() {
        let (mut block, _) = cut(&products(&[(7, "تمر", None, None), (8, "تين", None, None)])).expect("rows");
        block.open_texts(&[1], |text| Opening::Opened(format!("opened {text}")));
        assert_eq!(block.text(block.cells[1]), Some("opened تمر"));
        let next = products(&[(9, "عجوة", None, None)]);
        block.cut(&Report::Products.columns(true), &Bytes::from(next.clone())).expect("rows");
        let (fresh, _) = cut(&next).expect("rows");
        assert_eq!(block.cells, fresh.cells);
        assert_eq!(block.text(block.cells[1]), Some("عجوة"));
    }

    #[test]
    fn bytes_that_are_no_rows_are_refused() {
        assert_eq!(cut(&[7]).map(|_| ()), Err(RowError::Malformed("productId")));
    }
}
