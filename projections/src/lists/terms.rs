//! Terms: hashes that a row is found by. A term holds the merchant and the store, so that one index serves all of them and never mixes two.

use std::collections::HashSet;

use qafila_schemas::ids::MerchantId;
use qafila_schemas::spelling;
use sha2::{Digest, Sha256};

/// Terms of a row, at most: what lies beyond is not found by its words.
const MAX_TERMS: usize = 400;
/// Letters of the shortest beginning of a word that finds a product.
const SHORTEST_BEGINNING: usize = 2;

/// Makes the terms of a store.
#[derive(Clone)]
pub struct Terms(Sha256);

impl Terms {
    /// Of a merchant's store.
    pub fn of(merchant: MerchantId, store_id: i64) -> Self {
        let scope = Sha256::new_with_prefix(merchant.0.as_bytes());
        Self(scope.chain_update(store_id.to_be_bytes()))
    }

    /// A value of a filter, such as `status` and `canceled`.
    pub fn value(&self, field: &str, value: &str) -> i64 {
        self.term(&[field, "=", value])
    }

    /// Salla's id of something that the row names, such as `product`.
    pub fn id(&self, kind: &str, id: i64) -> i64 {
        self.term(&[kind, "#", &id.to_string()])
    }

    /// A word, as [`spelling::words`] spells it.
    pub fn word(&self, word: &str) -> i64 {
        self.term(&["word ", word])
    }

    /// The words of a text.
    pub fn words(&self, text: &str) -> Vec<i64> {
        spelling::words(text).iter().map(|word| self.word(word)).collect()
    }

    /// The words of a text and their beginnings, for lists that are searched while somebody types.
    pub fn beginnings(&self, text: &str) -> Vec<i64> {
        let mut terms = Vec::new();
        for word in spelling::words(text) {
            let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8());
            let long_enough = ends.skip(SHORTEST_BEGINNING - 1);
            terms.extend(long_enough.map(|end| self.word(&word[..end])));
            terms.push(self.word(&word));
        }
        terms
    }

    fn term(&self, parts: &[&str]) -> i64 {
        let mut hash = self.0.clone();
        for part in parts {
            hash.update(part.as_bytes());
        }
        let hash = hash.finalize();
        i64::from_be_bytes(hash[..8].try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// Each term once, in order, and not too many: the first are kept.
pub fn distinct(mut terms: Vec<i64>) -> Vec<i64> {
    let mut seen = HashSet::new();
    terms.retain(|term| seen.insert(*term));
    terms.truncate(MAX_TERMS);
    terms.sort_unstable();
    terms
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn terms(merchant: u128, store: i64) -> Terms {
        Terms::of(MerchantId(Uuid::from_u128(merchant)), store)
    }

    #[test]
    fn a_term_is_of_one_store_and_one_kind() {
        let of = terms(1, 2);
        assert_eq!(of.word("7"), terms(1, 2).word("7"));
        assert_ne!(of.word("7"), terms(2, 2).word("7"));
        assert_ne!(of.word("7"), terms(1, 3).word("7"));
        assert_ne!(of.word("7"), of.id("product", 7));
        assert_ne!(of.value("status", "7"), of.value("city", "7"));
    }

    #[test]
    fn of_too_many_terms_the_first_are_kept_and_what_is_repeated_takes_no_place() {
        let many: Vec<i64> = std::iter::repeat_n(5, MAX_TERMS).chain((0..1_000).rev()).collect();
        let kept = distinct(many);
        assert_eq!(kept.len(), MAX_TERMS);
        assert!(kept.is_sorted() && kept.contains(&5) && kept.contains(&999) && !kept.contains(&0));
    }

    #[test]
    fn the_beginnings_of_a_word_find_it_from_two_letters_on() {
        let of = terms(1, 2);
        let found = of.beginnings("سكري X");
        for beginning in ["سك", "سكر", "سكري", "x"] {
            assert!(found.contains(&of.word(beginning)), "{beginning}");
        }
        assert!(!found.contains(&of.word("س")) && !found.contains(&of.word("كري")));
    }
}
