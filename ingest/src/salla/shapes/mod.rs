//! What Salla's JSON is like (FACTS §3, §5), and reading it field by field, so that an odd field costs that field alone.

pub mod amounts;
pub mod instants;
pub mod reading;
pub mod values;
