//! Why something waits, has failed or stands still: families of stable codes, each with what to do about it. Values may be added.

use super::{Language, Params, find};

/// A family of causes.
#[derive(Debug, Clone, Copy)]
pub struct Causes {
    family: &'static str,
    codes: &'static [&'static str],
}

/// Why an import waits.
pub const OF_PAUSED_SYNC: Causes = Causes {
    family: "sync-paused",
    codes: &[
        "access_refused",
        "refresh_answer_lost",
        "salla_blocks_us",
        "source_disagrees",
        "internal_trouble",
    ],
};

/// Why an import has failed.
pub const OF_FAILED_SYNC: Causes = Causes {
    family: "sync-failed",
    codes: &[
        "not_connected",
        "scope_missing",
        "salla_unavailable",
        "salla_unreadable",
        "salla_refused",
        "source_disagrees",
        "too_many_invalid_rows",
        "internal_trouble",
    ],
};

/// Why a store's access is lost, or ends soon.
pub const OF_CONNECTION: Causes = Causes {
    family: "connection",
    codes: &["access_refused", "refresh_answer_lost", "access_ends_soon", "uninstalled"],
};

/// Why a reconciliation did not get to its end.
pub const OF_RECONCILIATION: Causes = Causes {
    family: "reconciliation",
    codes: &[
        "not_connected",
        "access_refused",
        "refresh_answer_lost",
        "scope_missing",
        "salla_blocks_us",
        "salla_unavailable",
        "salla_unreadable",
        "salla_refused",
        "source_disagrees",
        "too_many_deletions",
        "too_many_invalid_rows",
        "internal_trouble",
    ],
};

/// Why events of a store do not reach us.
pub const OF_WEBHOOKS: Causes = Causes {
    family: "webhooks",
    codes: &[
        "not_connected",
        "access_refused",
        "refresh_answer_lost",
        "scope_missing",
        "salla_blocks_us",
        "salla_unavailable",
        "salla_unreadable",
        "salla_refused",
        "internal_trouble",
    ],
};

/// Why completeness stands still.
pub const OF_COMPLETENESS: Causes = Causes {
    family: "completeness",
    codes: &[
        "rows_unread",
        "not_stored_yet",
        "webhooks_failing",
        "changes_unread",
        "news_unread",
        "not_connected",
        "access_refused",
        "refresh_answer_lost",
        "scope_missing",
        "salla_blocks_us",
        "salla_unavailable",
        "salla_unreadable",
        "salla_refused",
        "source_disagrees",
        "too_many_deletions",
        "too_many_invalid_rows",
        "internal_trouble",
    ],
};

/// Why a file could not be made.
pub const OF_EXPORT: Causes = Causes {
    family: "export",
    codes: &[
        "too_many_rows",
        "timed_out",
        "unknown_report",
        "interrupted",
        "source_unavailable",
        "storage_unavailable",
        "keys_unavailable",
        "internal",
    ],
};

impl Causes {
    /// All that this version knows.
    pub const fn codes(&self) -> &'static [&'static str] {
        self.codes
    }

    /// What to do about it; none where this version does not know the code.
    pub fn advice(&self, language: Language, code: &str) -> Option<String> {
        if !self.codes.contains(&code) {
            return None;
        }
        find(language, &format!("cause-{}-{}", self.family, code.replace('_', "-")), &Params::new())
    }

    /// What to do about it, in English, as events keep it; empty where this version does not know the code.
    pub fn advice_for_events(&self, code: &str) -> String {
        self.advice(Language::English, code).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_advice_in_both_languages_and_another_has_none() {
        for family in [
            OF_PAUSED_SYNC,
            OF_FAILED_SYNC,
            OF_CONNECTION,
            OF_RECONCILIATION,
            OF_WEBHOOKS,
            OF_COMPLETENESS,
            OF_EXPORT,
        ] {
            for code in family.codes() {
                let [arabic, english] =
                    [Language::Arabic, Language::English].map(|language| family.advice(language, code));
                let (arabic, english) = (arabic.expect(code), english.expect(code));
                assert!(english.is_ascii() && !arabic.is_ascii(), "{code}: {english} {arabic}");
            }
            assert_eq!(family.advice(Language::English, "another"), None);
        }
    }
}
