//! `avro_encode`, `avro_decode`: our codec beside apache-avro's reused writer and reader.

use std::hint::black_box;

use anyhow::{Context, Result};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use qafila_schemas::codec::{Decoder, Encoder, WriterSchemas};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::OrderFact;

use super::observations::fact;
use super::{Duel, timed};
use crate::record::Measurement;

const RECORDS: u64 = 400_000;
const HEADER: usize = 5;

/// Encoding into a reused buffer.
pub fn encode() -> Result<Measurement> {
    let record = fact(MerchantId::generate(), ConnectionId::generate(), 1_017_120_475);
    let schema = Schema::parse_str(OrderFact::SCHEMA)?;
    let bare = GenericDatumWriter::builder(&schema).build()?;
    let ours = Encoder::<OrderFact>::new(7)?;
    let mut buffer = Vec::with_capacity(4_096);
    let mut duel = Duel::new("avro_encode", "records/s");
    for _ in Duel::rounds() {
        duel.limit(timed(|| {
            for _ in 0..RECORDS {
                buffer.clear();
                bare.write_ser(&mut buffer, black_box(&record))?;
                black_box(&buffer);
            }
            Ok(RECORDS)
        })?);
        duel.ours(timed(|| {
            for _ in 0..RECORDS {
                ours.encode(black_box(&record), &mut buffer)?;
                black_box(&buffer);
            }
            Ok(RECORDS)
        })?);
    }
    duel.measured()
}

/// Decoding, the header included.
pub fn decode() -> Result<Measurement> {
    let record = fact(MerchantId::generate(), ConnectionId::generate(), 1_017_120_475);
    let bytes = Encoder::<OrderFact>::new(7)?.encode_to_vec(&record)?;
    let schema = Schema::parse_str(OrderFact::SCHEMA)?;
    let bare = GenericDatumReader::builder(&schema).build()?;
    let schemas = WriterSchemas::default();
    schemas.learn(7, OrderFact::SCHEMA)?;
    let mut ours = Decoder::<OrderFact>::new(schemas)?;
    let mut duel = Duel::new("avro_decode", "records/s");
    for _ in Duel::rounds() {
        duel.limit(timed(|| {
            for _ in 0..RECORDS {
                black_box(bare.read_deser::<OrderFact>(&mut black_box(&bytes[HEADER..]))?);
            }
            Ok(RECORDS)
        })?);
        duel.ours(timed(|| {
            for _ in 0..RECORDS {
                black_box(ours.decode(black_box(&bytes))?.context("the schema was learnt")?);
            }
            Ok(RECORDS)
        })?);
    }
    duel.measured()
}
