//! The record types of the contract, one file per namespace; each equals the schema of the same name in
//! `schemas/avsc`.

pub mod erasure;
pub mod export;
pub mod fact;
pub mod merchant;
pub mod observation;
pub mod reconciliation;
pub mod store;
pub mod sync;
pub mod webhook;

use std::fmt;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A type with an Avro schema of its own.
pub trait AvroRecord: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the record without its namespace.
    const NAME: &'static str;
    /// Its schema as JSON.
    const SCHEMA: &'static str;
}

macro_rules! avro_record {
    ($name:ident, $file:literal) => {
        impl super::AvroRecord for $name {
            const NAME: &'static str = stringify!($name);
            const SCHEMA: &'static str = include_str!($file);
        }
    };
}
pub(crate) use avro_record;

/// Bytes that serialise as Avro `bytes`, not as an array of numbers.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ByteBuf(pub Vec<u8>);

impl fmt::Debug for ByteBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for ByteBuf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = ByteBuf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<ByteBuf, E> {
                Ok(ByteBuf(bytes.to_vec()))
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<ByteBuf, E> {
                Ok(ByteBuf(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
