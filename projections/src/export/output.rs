//! What comes out: blocks of rows in, bytes of the file out, in its format, compressed and hashed.

use std::io::Write;

use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::csv_file::CsvFile;
use super::file::{FileError, Writing};
use super::ndjson_file::NdjsonFile;
use super::parquet_file::ParquetFile;
use super::report::Selection;
use super::rows::Block;
use super::xlsx_file::XlsxFile;

/// Compressors are given so much at a time.
const PIECE: usize = 64 << 10;

/// A file that is being written.
pub(super) struct Output {
    format: Format,
    squeezer: Squeezer,
    hash: Sha256,
    size: i64,
}

impl Output {
    /// Begins a file, with what comes before its rows.
    pub(super) fn new(selection: &Selection, writing: &Writing) -> Result<Self, FileError> {
        let compression = writing.compression.as_deref();
        let is_packed = matches!(writing.format.as_str(), "parquet" | "xlsx");
        let mut squeezer = Squeezer::new(compression.filter(|_| !is_packed))?;
        let format = match writing.format.as_str() {
            "csv" => {
                let file = CsvFile::new(selection.filters.timezone, writing);
                squeezer.write(file.headings(&selection.columns, writing))?;
                Format::Csv(file)
            }
            "parquet" => Format::Parquet(Box::new(ParquetFile::new(&selection.columns, compression)?)),
            "xlsx" => {
                let file = XlsxFile::new(&selection.columns, selection.filters.timezone, writing)?;
                Format::Xlsx(Box::new(file))
            }
            _ => Format::Ndjson(NdjsonFile::new(&selection.columns)),
        };
        Ok(Self { format, squeezer, hash: Sha256::new(), size: 0 })
    }

    /// Takes the rows of a block; what of the file is ready.
    pub(super) fn rows(&mut self, block: &Block) -> Result<Vec<u8>, FileError> {
        let bytes = match &mut self.format {
            Format::Csv(file) => file.rows(block),
            Format::Ndjson(file) => file.rows(block)?,
            Format::Parquet(file) => file.rows(block)?,
            // It is packed at the end.
            Format::Xlsx(file) => file.rows(block).map(|()| vec![])?,
        };
        self.squeezer.write(bytes)?;
        let ready = self.squeezer.take();
        self.count(&ready);
        Ok(ready)
    }

    /// The rest of the file, piece by piece, to `put`, which is false where nobody takes more; its hash and its size.
    pub(super) fn finish(mut self, mut put: impl FnMut(Vec<u8>) -> bool) -> Result<(String, i64), FileError> {
        match std::mem::replace(&mut self.format, Format::Ndjson(NdjsonFile::new(&[]))) {
            Format::Parquet(file) => self.squeezer.write(file.finish()?)?,
            Format::Xlsx(file) => {
                let mut packed = file.finish()?;
                loop {
                    let piece = packed.piece()?;
                    self.count(&piece);
                    if piece.is_empty() || !put(piece) {
                        break;
                    }
                }
            }
            Format::Csv(_) | Format::Ndjson(_) => {}
        }
        let squeezer = std::mem::replace(&mut self.squeezer, Squeezer::new(None)?);
        let rest = squeezer.finish()?;
        self.count(&rest);
        put(rest);
        Ok((hex::encode(self.hash.finalize()), self.size))
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as i64;
    }
}

enum Format {
    Csv(CsvFile),
    Ndjson(NdjsonFile),
    Parquet(Box<ParquetFile>),
    Xlsx(Box<XlsxFile>),
}

/// Compresses what it is given, in pieces of one size: what a compressor makes depends on where its input is cut, and the same
/// rows must be the same file.
struct Squeezer {
    encoder: Encoder,
    waiting: Vec<u8>,
}

enum Encoder {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Squeezer {
    fn new(compression: Option<&str>) -> std::io::Result<Self> {
        let encoder = match compression {
            Some("gzip") => Encoder::Gzip(GzEncoder::new(vec![], flate2::Compression::default())),
            Some("zstd") => Encoder::Zstd(zstd::stream::write::Encoder::new(vec![], 0)?),
            _ => Encoder::None(vec![]),
        };
        Ok(Self { encoder, waiting: vec![] })
    }

    fn write(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        if let Encoder::None(out) = &mut self.encoder {
            if out.is_empty() {
                *out = bytes;
            } else {
                out.extend_from_slice(&bytes);
            }
            return Ok(());
        }
        self.waiting.extend_from_slice(&bytes);
        let whole = self.waiting.len() / PIECE * PIECE;
        for piece in self.waiting[..whole].chunks_exact(PIECE) {
            self.encoder.write_all(piece)?;
        }
        self.waiting.drain(..whole);
        Ok(())
    }

    fn take(&mut self) -> Vec<u8> {
        match &mut self.encoder {
            Encoder::None(out) => std::mem::take(out),
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    fn finish(mut self) -> std::io::Result<Vec<u8>> {
        self.encoder.write_all(&self.waiting)?;
        match self.encoder {
            Encoder::None(out) => Ok(out),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Encoder {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::None(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn squeezed(compression: &str, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut squeezer = Squeezer::new(Some(compression)).expect("a compressor");
        let (mut out, mut rest) = (vec![], text);
        for cut in cuts {
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            squeezer.write(piece.to_vec()).expect("compressed");
            out.extend(squeezer.take());
            rest = more;
        }
        squeezer.write(rest.to_vec()).expect("compressed");
        out.extend(squeezer.finish().expect("finished"));
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_same_rows_are_the_same_file_wherever_blocks_end(cuts in prop::collection::vec(0_usize..90_000, 0..6)) {
            let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7 % 1_000).to_string().into_bytes()).take(300_000).collect();
            for compression in ["gzip", "zstd"] {
                prop_assert_eq!(squeezed(compression, &text, &cuts), squeezed(compression, &text, &[]));
            }
        }
    }
}
