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

/// Opens the cells of one merchant's export.
pub(super) struct Opener {
    keys: Arc<dyn KeyStore>,
    merchant: MerchantId,
    kept: HashMap<i64, SubjectKey>,
    kept_since: Instant,
}

impl Opener {
    /// For the files of `merchant`.
    pub(super) fn new(keys: Arc<dyn KeyStore>, merchant: MerchantId) -> Self {
        Self { keys, merchant, kept: HashMap::new(), kept_since: Instant::now() }
    }

    /// Opens what is sealed in a block; what was erased becomes absent.
    pub(super) async fn open(&mut self, mut block: Block) -> Result<Block, KeyStoreError> {
        let mut missing = self.missing(&block);
        if self.kept_since.elapsed() > KEPT_FOR || self.kept.len() + missing.len() > MOST_KEPT {
            self.kept.clear();
            self.kept_since = Instant::now();
            missing = self.missing(&block);
        }
        if !missing.is_empty() {
            self.kept.extend(self.keys.keys_for_opening(self.merchant, &missing).await?);
        }
        block.open_texts(|text| match key_id(text) {
            None => Opening::AsItIs,
            Some(id) => {
                let opened = self.kept.get(&id).and_then(|key| key.open(text));
                opened.map_or(Opening::Absent, Opening::Opened)
            }
        });
        Ok(block)
    }

    fn missing(&self, block: &Block) -> Vec<i64> {
        let ids = block.cells.iter().filter_map(|cell| key_id(block.text(*cell)?));
        let mut missing: Vec<i64> = ids.filter(|id| !self.kept.contains_key(id)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}
