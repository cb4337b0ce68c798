//! Avro with the Confluent wire format (magic byte, schema id), on apache-avro's serde-direct path.
//!
//! A writer and a reader are resolved once per schema and reused: resolving again per record is what makes
//! Avro slow (TECHNIQUES §C, E.5). Evolution: a datum is always read with the schema it was written with, and
//! serde's defaults fill what is new; what the direct path cannot read goes through the reader's schema.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Once, RwLock};

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};

use crate::records::AvroRecord;

const MAGIC: u8 = 0;
const HEADER: usize = 5;
/// No honest record of ours is larger; a crafted length must not make us allocate it.
const LARGEST_ALLOCATION: usize = 16 << 20;
/// Schemas are kept for the life of the process, so ids from strangers are bounded.
const MOST_SCHEMAS: usize = 1_000;

/// What is wrong with a record's bytes, or with a schema.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// A schema of ours or of the registry is not valid Avro.
    #[error("schema {name} is not valid Avro: {source}")]
    Schema {
        /// Record name or schema id.
        name: String,
        /// What Avro said.
        source: Box<apache_avro::Error>,
    },
    /// A value does not fit its schema.
    #[error("{name} does not fit its schema: {source}")]
    Encode {
        /// Record name.
        name: &'static str,
        /// What Avro said.
        source: Box<apache_avro::Error>,
    },
    /// Bytes do not follow their schema.
    #[error("{name} cannot be read with schema {schema_id}: {source}")]
    Decode {
        /// Record name.
        name: &'static str,
        /// Schema the bytes name.
        schema_id: u32,
        /// What Avro said.
        source: Box<apache_avro::Error>,
    },
    /// Bytes go on after the end of the record.
    #[error("{name} is followed by {bytes} bytes that belong to nothing")]
    Trailing {
        /// Record name.
        name: &'static str,
        /// How many.
        bytes: usize,
    },
    /// No Confluent header.
    #[error("no Confluent header: the first byte must be 0 and a schema id must follow")]
    NoHeader,
    /// Another kind of record than the topic holds.
    #[error("schema {schema_id} describes {found}, not {wanted}")]
    WrongRecord {
        /// Schema the bytes name.
        schema_id: u32,
        /// Record the schema describes.
        found: String,
        /// Record that was expected.
        wanted: &'static str,
    },
    /// More schemas than any honest topic has.
    #[error("more than {MOST_SCHEMAS} schemas: refusing schema {0}")]
    TooManySchemas(u32),
}

/// Parses a schema and keeps it for the life of the process.
fn keep_schema(name: &str, json: &str) -> Result<&'static Schema, CodecError> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| {
        apache_avro::util::max_allocation_bytes(LARGEST_ALLOCATION);
    });
    let schema = Schema::parse_str(json)
        .map_err(|source| CodecError::Schema { name: name.to_owned(), source: Box::new(source) })?;
    Ok(Box::leak(Box::new(schema)))
}

/// Encodes records of one type under one schema id. Cheap to share, safe to use from many tasks.
pub struct Encoder<T> {
    header: [u8; HEADER],
    writer: GenericDatumWriter<'static>,
    record: PhantomData<fn(T)>,
}

impl<T: AvroRecord> Encoder<T> {
    /// An encoder that stamps `schema_id`, the registry's id of `T`'s schema.
    pub fn new(schema_id: u32) -> Result<Self, CodecError> {
        let schema = keep_schema(T::NAME, T::SCHEMA)?;
        let writer = GenericDatumWriter::builder(schema)
            .build()
            .map_err(|source| CodecError::Schema { name: T::NAME.to_owned(), source: Box::new(source) })?;
        let mut header = [MAGIC; HEADER];
        header[1..].copy_from_slice(&schema_id.to_be_bytes());
        Ok(Self { header, writer, record: PhantomData })
    }

    /// Replaces what `buffer` holds by the record; a reused buffer makes this free of allocations.
    pub fn encode(&self, record: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        buffer.clear();
        buffer.extend_from_slice(&self.header);
        self.writer
            .write_ser(buffer, record)
            .map(drop)
            .map_err(|source| CodecError::Encode { name: T::NAME, source: Box::new(source) })
    }

    /// The record in a buffer of its own.
    pub fn encode_to_vec(&self, record: &T) -> Result<Vec<u8>, CodecError> {
        let mut buffer = Vec::new();
        self.encode(record, &mut buffer)?;
        Ok(buffer)
    }
}

/// The schema id that `bytes` name, and the datum behind it.
pub fn split_header(bytes: &[u8]) -> Result<(u32, &[u8]), CodecError> {
    match bytes {
        [MAGIC, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
        _ => Err(CodecError::NoHeader),
    }
}

/// A schema that bytes were written with, resolved once.
struct WriterSchema {
    reader: GenericDatumReader<'static>,
    record_name: String,
}

/// Every writer schema this process has met, by registry id. Shared by all decoders.
#[derive(Default, Clone)]
pub struct WriterSchemas {
    known: Arc<RwLock<HashMap<u32, Arc<WriterSchema>>>>,
}

impl WriterSchemas {
    /// Whether a datum under `schema_id` can be read without asking the registry.
    pub fn knows(&self, schema_id: u32) -> bool {
        self.known.read().is_ok_and(|known| known.contains_key(&schema_id))
    }

    /// Remembers the registry's schema `schema_id`.
    pub fn learn(&self, schema_id: u32, json: &str) -> Result<(), CodecError> {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.contains_key(&schema_id) {
            return Ok(());
        }
        if known.len() >= MOST_SCHEMAS {
            return Err(CodecError::TooManySchemas(schema_id));
        }
        let name = schema_id.to_string();
        let schema = keep_schema(&name, json)?;
        let reader = GenericDatumReader::builder(schema)
            .build()
            .map_err(|source| CodecError::Schema { name, source: Box::new(source) })?;
        let record_name = schema.name().map(|n| n.name().to_string()).unwrap_or_default();
        known.insert(schema_id, Arc::new(WriterSchema { reader, record_name }));
        Ok(())
    }

    fn get(&self, schema_id: u32) -> Option<Arc<WriterSchema>> {
        self.known.read().ok()?.get(&schema_id).cloned()
    }
}

/// Decodes records of one type, whatever released schema they were written with.
pub struct Decoder<T> {
    schemas: WriterSchemas,
    last: Option<(u32, Arc<WriterSchema>)>,
    own: &'static Schema,
    record: PhantomData<fn() -> T>,
}

impl<T: AvroRecord> Decoder<T> {
    /// A decoder over the schemas this process knows.
    pub fn new(schemas: WriterSchemas) -> Result<Self, CodecError> {
        Ok(Self { schemas, last: None, own: keep_schema(T::NAME, T::SCHEMA)?, record: PhantomData })
    }

    /// Decodes one record; `None` where its schema has first to be [learnt](WriterSchemas::learn).
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Option<T>, CodecError> {
        let (schema_id, datum) = split_header(bytes)?;
        let Some(schema) = self.schema(schema_id) else { return Ok(None) };
        if schema.record_name != T::NAME {
            let found = schema.record_name.clone();
            return Err(CodecError::WrongRecord { schema_id, found, wanted: T::NAME });
        }
        let mut rest = datum;
        let record = match schema.reader.read_deser::<T>(&mut rest) {
            Ok(record) => record,
            Err(source) => {
                rest = datum;
                resolve(&schema.reader, self.own, &mut rest).map_err(|_| CodecError::Decode {
                    name: T::NAME,
                    schema_id,
                    source: Box::new(source),
                })?
            }
        };
        if rest.is_empty() {
            Ok(Some(record))
        } else {
            Err(CodecError::Trailing { name: T::NAME, bytes: rest.len() })
        }
    }

    fn schema(&mut self, schema_id: u32) -> Option<Arc<WriterSchema>> {
        match &self.last {
            Some((id, schema)) if *id == schema_id => Some(Arc::clone(schema)),
            _ => {
                let schema = self.schemas.get(schema_id)?;
                self.last = Some((schema_id, Arc::clone(&schema)));
                Some(schema)
            }
        }
    }
}

/// The slow way for schemas that serde's defaults cannot bridge: promotions and aliases.
fn resolve<T: AvroRecord>(
    reader: &GenericDatumReader<'static>,
    own: &Schema,
    datum: &mut &[u8],
) -> Result<T, Box<apache_avro::Error>> {
    let value = reader.read_value(datum)?;
    Ok(from_value::<T>(&value.resolve(own)?)?)
}
