//! Opening personal texts, for the merchant who owns them and nobody else (ARCHITECTURE §3).

use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{KeyStore, key_id};

use crate::problem::Problem;

/// Opens sealed texts in place, with one look-up of keys; those of an erased subject become absent.
pub async fn open(
    keys: &dyn KeyStore,
    merchant: MerchantId,
    texts: Vec<&mut Option<String>>,
) -> Result<(), Problem> {
    let sealed: Vec<&mut Option<String>> =
        texts.into_iter().filter(|text| text.as_deref().and_then(key_id).is_some()).collect();
    let mut ids: Vec<i64> = sealed.iter().filter_map(|text| text.as_deref().and_then(key_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let keys = keys.keys_for_opening(merchant, &ids).await;
    let keys = keys.map_err(|error| Problem::unavailable("keys", &error))?;
    for text in sealed {
        *text = text.as_deref().and_then(|text| keys.get(&key_id(text)?)?.open(text));
    }
    Ok(())
}
