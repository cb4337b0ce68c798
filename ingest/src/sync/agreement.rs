//! Whether the number of rows that the source tells is explained by the rows that were read: a store that never stands still is never
//! counted twice with the same result, so each difference is settled by the ids behind it.

/// What is known of the rows that a number of the source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Rows that the accepted scan, or the scan under way, has listed.
    pub listed: i64,
    /// Of them those that were found to be gone since.
    pub gone: i64,
    /// Rows that it has not listed and that are there: the source may count them.
    pub beside: i64,
    /// Rows that an earlier scan listed and that are not listed any more, as their details say: as many may have gone since, unnoticed.
    pub went: i64,
}

/// What a number of the source says about the rows that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Every difference is explained.
    Agrees,
    /// The source counts more rows than are known: so many were never read.
    Unread(i64),
    /// The source counts fewer rows than are known, and so many of them are not known to be gone.
    Missing(i64),
}

/// More rows than so many are not on their way here: then it is the list that is in doubt.
const MAX_IN_FLIGHT: i64 = 20;

impl Agreement {
    /// Whether counting once more may explain the difference: what came or went is stored a moment later.
    pub fn may_be_in_flight(self) -> bool {
        match self {
            Self::Agrees => false,
            Self::Unread(rows) | Self::Missing(rows) => rows <= MAX_IN_FLIGHT,
        }
    }
}

impl Known {
    /// Whether the number of rows that the source tells is explained.
    pub fn agreement(self, told: i64) -> Agreement {
        let (fewest, most) = (self.listed - self.gone - self.went, self.listed + self.beside);
        if told > most {
            Agreement::Unread(told - most)
        } else if told < fewest {
            Agreement::Missing(fewest - told)
        } else {
            Agreement::Agrees
        }
    }

    /// Why the number that the source tells does not agree; none where it does.
    pub fn doubt(self, told: i64) -> Option<String> {
        let Self { listed, gone, beside, .. } = self;
        match self.agreement(told) {
            Agreement::Agrees => None,
            Agreement::Unread(_) => {
                Some(format!("{listed} rows were read, {beside} more are known, and the source says {told}"))
            }
            Agreement::Missing(_) => {
                Some(format!("{listed} rows were read, {gone} of them are gone, and the source says {told}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_agrees_where_ids_explain_the_difference_and_only_there() {
        let quiet = Known { listed: 100, ..Known::default() };
        assert_eq!(quiet.agreement(100), Agreement::Agrees);
        assert_eq!(quiet.agreement(101), Agreement::Unread(1));
        assert_eq!(quiet.agreement(99), Agreement::Missing(1));
        let came = Known { beside: 2, ..quiet };
        assert_eq!(came.agreement(102), Agreement::Agrees);
        assert_eq!(came.agreement(103), Agreement::Unread(1));
        let gone = Known { gone: 3, ..quiet };
        assert_eq!(gone.agreement(97), Agreement::Agrees);
        assert_eq!(gone.agreement(96), Agreement::Missing(1));
        assert_eq!(Known { went: 1, ..gone }.agreement(96), Agreement::Agrees);
        assert!(quiet.agreement(101).may_be_in_flight() && !quiet.agreement(200).may_be_in_flight());
        assert!(quiet.doubt(100).is_none() && quiet.doubt(101).is_some() && quiet.doubt(0).is_some());
    }

    proptest! {
        /// A row that was never read is one that the source counts and that is neither listed nor known beside the list: whatever else
        /// happens in the store, as long as all that went is known, the number does not agree.
        #[test]
        fn an_unread_row_is_never_explained_away(
            listed in 0_i64..500, came in 0_i64..20, gone in 0_i64..20, unread in 1_i64..20,
        ) {
            let gone = gone.min(listed);
            let told = listed + came - gone + unread;
            let known = Known { listed: listed - gone, gone: 0, beside: came, went: 0 };
            prop_assert_eq!(known.agreement(told), Agreement::Unread(unread));
        }
    }
}
