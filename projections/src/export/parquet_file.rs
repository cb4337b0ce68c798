//! Parquet: the same columns with their types: 64-bit numbers, `DECIMAL(18,4)`, instants in UTC, strings; every column may be
//! absent. A row group is small enough to be held in memory.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::report::{Column, Kind};
use super::rows::{Block, Cell};

/// Rows of a row group: about 20 MB while it is gathered.
const GROUP: usize = 32_768;

/// Writes rows as one Parquet file.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<Out>,
    out: Out,
    columns: Vec<Gathered>,
    rows: usize,
}

/// Cells of one column of the row group that is gathered.
struct Gathered {
    values: Values,
    /// 1 where there is a value, else 0.
    present: Vec<i16>,
}

enum Values {
    Numbers(Vec<i64>),
    Texts(Vec<ByteArray>),
    Booleans(Vec<bool>),
}

/// What the writer has written and nobody has taken yet.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Out {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ParquetFile {
    /// Of these columns; pages are compressed by `compression` (`gzip` or `zstd`), or not at all.
    pub(super) fn new(columns: &[&Column], compression: Option<&str>) -> Result<Self, ParquetError> {
        let codec = match compression {
            Some("gzip") => Compression::GZIP(GzipLevel::default()),
            Some("zstd") => Compression::ZSTD(ZstdLevel::default()),
            _ => Compression::UNCOMPRESSED,
        };
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_created_by(concat!("qafila ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let out = Out::default();
        let schema = Arc::new(parse_message_type(&schema(columns))?);
        let writer = SerializedFileWriter::new(out.clone(), schema, Arc::new(properties))?;
        Ok(Self {
            writer,
            out,
            columns: columns.iter().map(|column| Gathered::new(column)).collect(),
            rows: 0,
        })
    }

    /// Takes the rows of a block; what of the file is ready.
    pub(super) fn rows(&mut self, block: &Block) -> Result<Vec<u8>, ParquetError> {
        for row in block.cells.chunks_exact(block.width) {
            for (cell, column) in row.iter().zip(&mut self.columns) {
                column.add(block, *cell);
            }
            self.rows += 1;
            if self.rows == GROUP {
                self.write_group()?;
            }
        }
        Ok(self.out.take())
    }

    /// The rest of the file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.close()?;
        Ok(self.out.take())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            let present = Some(column.present.as_slice());
            match &mut column.values {
                Values::Numbers(values) => {
                    writer.typed::<Int64Type>().write_batch(values, present, None)?;
                    values.clear();
                }
                Values::Texts(values) => {
                    writer.typed::<ByteArrayType>().write_batch(values, present, None)?;
                    values.clear();
                }
                Values::Booleans(values) => {
                    writer.typed::<BoolType>().write_batch(values, present, None)?;
                    values.clear();
                }
            }
            column.present.clear();
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Gathered {
    fn new(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Text => Values::Texts(vec![]),
            Kind::Boolean => Values::Booleans(vec![]),
            Kind::Integer | Kind::Decimal | Kind::Time => Values::Numbers(vec![]),
        };
        Self { values, present: vec![] }
    }

    fn add(&mut self, block: &Block, cell: Cell) {
        let added = match (&mut self.values, cell) {
            (Values::Numbers(values), Cell::Integer(n) | Cell::Decimal(n) | Cell::Time(n)) => {
                values.push(n);
                true
            }
            (Values::Booleans(values), Cell::Boolean(yes)) => {
                values.push(yes);
                true
            }
            (Values::Texts(values), cell) => match block.text(cell) {
                Some(text) => {
                    values.push(Bytes::copy_from_slice(text.as_bytes()).into());
                    true
                }
                None => false,
            },
            _ => false,
        };
        self.present.push(i16::from(added));
    }
}

fn schema(columns: &[&Column]) -> String {
    let fields: String = columns
        .iter()
        .map(|column| match column.kind {
            Kind::Integer => format!("optional int64 {};", column.name),
            Kind::Decimal => format!("optional int64 {} (DECIMAL(18,4));", column.name),
            Kind::Time => format!("optional int64 {} (TIMESTAMP(MILLIS,true));", column.name),
            Kind::Text => format!("optional binary {} (STRING);", column.name),
            Kind::Boolean => format!("optional boolean {};", column.name),
        })
        .collect();
    format!("message qafila {{ {fields} }}")
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::super::report::Report;
    use super::super::rows::tests::{cut, products};
    use super::*;

    #[test]
    fn every_row_of_every_group_is_read_back_with_its_values_and_its_gaps() {
        let columns = Report::Products.columns(true);
        for compression in [None, Some("gzip"), Some("zstd")] {
            let mut file = ParquetFile::new(&columns, compression).expect("a file");
            let mut bytes = vec![];
            let count = GROUP as i64 + 5;
            for id in 0..count {
                let price = (id % 2 == 0).then_some(id * 10_000);
                let (block, _) = cut(&products(&[(id, "تمر", price, None)])).expect("rows");
                bytes.extend(file.rows(&block).expect("written"));
            }
            bytes.extend(file.finish().expect("finished"));
            let reader = SerializedFileReader::new(Bytes::from(bytes)).expect("a Parquet file");
            assert_eq!(reader.num_row_groups(), 2);
            let mut read = 0;
            for (id, row) in (0..).zip(reader.get_row_iter(None).expect("rows")) {
                let row = row.expect("a row");
                assert_eq!(
                    (row.get_long(0).expect("id"), row.get_string(1).expect("name").as_str()),
                    (id, "تمر")
                );
                assert_eq!(row.get_decimal(5).is_ok(), id % 2 == 0);
                read += 1;
            }
            assert_eq!(read, count);
        }
    }
}
