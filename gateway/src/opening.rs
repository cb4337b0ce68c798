//! Opening personal texts, for the merchant who owns them and nobody else (ARCHITECTURE §3).

use qafila_schemas::sealed::{KeyStore, key_id};

use crate::auth::reading::Reader;
use crate::problem::Problem;

/// Opens sealed texts in place, with one look-up of keys; those of an erased subject become absent, and so do all for a reader who does not
/// see people.
pub async fn open(
    keys: &dyn KeyStore,
    reader: Reader,
    texts: Vec<&mut Option<String>>,
) -> Result<(), Problem> {
    if !reader.sees_people {
        for text in texts {
            *text = None;
        }
        return Ok(());
    }
    let sealed: Vec<&mut Option<String>> =
        texts.into_iter().filter(|text| text.as_deref().and_then(key_id).is_some()).collect();
    let mut ids: Vec<i64> = sealed.iter().filter_map(|text| text.as_deref().and_then(key_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let keys = keys.keys_for_opening(reader.merchant_id, &ids).await;
    let keys = keys.map_err(|error| Problem::unavailable("keys", &error))?;
    for text in sealed {
        *text = text.as_deref().and_then(|text| keys.get(&key_id(text)?)?.open(text));
    }
    Ok(())
}
