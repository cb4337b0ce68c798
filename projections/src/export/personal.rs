//! Opening personal cells for the owner of the store (ARCHITECTURE §3). Keys are looked up once a block and kept for half a
//! minute at most, so that a file falls silent about an erased customer as fast as everything else does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{KeyStore, KeyStoreError, SubjectKey, key_id};

use super::rows::{Block, Opening};

const KEPT_FOR: Duration = Duration::from_secs(20);
/// About 10 MB.
const MOST_KEPT: usize = 60_000;

/// Finds the keys of one merchant's export.
pub(super) struct Opener {
    keys: Arc<dyn KeyStore>,
    merchant: MerchantId,
    /// Columns with personal texts.
    columns: Arc<[usize]>,
    kept: HashMap<i64, SubjectKey>,
    kept_since: Instant,
}

/// What opens one block.
pub(super) struct BlockKeys {
    columns: Arc<[usize]>,
    keys: HashMap<i64, SubjectKey>,
}

impl Opener {
    /// For the files of `merchant`; `columns` are the places of those with personal texts.
    pub(super) fn new(keys: Arc<dyn KeyStore>, merchant: MerchantId, columns: Vec<usize>) -> Self {
        Self { keys, merchant, columns: columns.into(), kept: HashMap::new(), kept_since: Instant::now() }
    }

    /// The keys of a block, with one look-up of those that are not known.
    pub(super) async fn keys_of(&mut self, block: &Block) -> Result<BlockKeys, KeyStoreError> {
        let mut ids: Vec<i64> = block
            .cells
            .chunks_exact(block.width)
            .flat_map(|row| self.columns.iter().filter_map(|column| key_id(block.text(row[*column])?)))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if self.kept_since.elapsed() > KEPT_FOR || self.kept.len() + ids.len() > MOST_KEPT {
            self.kept.clear();
            self.kept_since = Instant::now();
        }
        let missing: Vec<i64> = ids.iter().filter(|id| !self.kept.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            self.kept.extend(self.keys.keys_for_opening(self.merchant, &missing).await?);
        }
        let keys = ids.into_iter().filter_map(|id| Some((id, self.kept.get(&id)?.clone()))).collect();
        Ok(BlockKeys { columns: Arc::clone(&self.columns), keys })
    }
}

impl BlockKeys {
    /// Opens what is sealed; what was erased becomes absent. Takes about a microsecond a text.
    pub(super) fn open(&self, block: &mut Block) {
        block.open_texts(&self.columns, |text| match key_id(text) {
            None => Opening::AsItIs,
            Some(id) => {
                let opened = self.keys.get(&id).and_then(|key| key.open(text));
                opened.map_or(Opening::Absent, Opening::Opened)
            }
        });
    }
}
