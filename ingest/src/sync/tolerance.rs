//! How many rows may fail to map before an import says so instead of pretending to be complete.

use std::collections::BTreeMap;

use super::slices::SliceState;

/// So few are always let pass: of a small store's ten products one is 10 %.
const FEW: i64 = 10;

/// The largest part of a resource that may be invalid.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Percent, 0 to 100.
    pub percent: u32,
}

/// A resource of which too much is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// `orders`, `customers`, `products` or `details of orders`.
    pub resource: String,
    /// Rows that did not map.
    pub skipped: i64,
    /// Rows in all.
    pub rows: i64,
}

impl Tolerance {
    /// The first resource of a run that goes beyond it; `details` are the orders whose details were read, and those of them
    /// that did not map.
    pub fn exceeded(self, slices: &[SliceState], details: (i64, i64)) -> Option<Excess> {
        let mut resources: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for slice in slices {
            let (skipped, rows) = resources.entry(&slice.resource).or_default();
            *skipped += slice.skipped;
            *rows += slice.imported + slice.skipped;
        }
        resources.insert("details of orders", (details.1, details.0));
        resources
            .into_iter()
            .find(|(_, (skipped, rows))| self.is_exceeded(*skipped, *rows))
            .map(|(resource, (skipped, rows))| Excess { resource: resource.to_owned(), skipped, rows })
    }

    /// Whether so many invalid rows among all are too many.
    pub fn is_exceeded(self, skipped: i64, rows: i64) -> bool {
        skipped > FEW && skipped * 100 > rows * i64::from(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(resource: &str, imported: i64, skipped: i64) -> SliceState {
        SliceState {
            resource: resource.into(),
            name: "all".into(),
            seen: imported + skipped,
            imported,
            skipped,
            closed: true,
            reported: true,
            ..SliceState::default()
        }
    }

    #[test]
    fn more_than_the_part_allowed_of_any_resource_is_too_much_unless_it_is_only_a_few_rows() {
        let tolerance = Tolerance { percent: 5 };
        assert_eq!(tolerance.exceeded(&[slice("orders", 950, 50), slice("products", 1, 10)], (100, 5)), None);
        let details = Excess { resource: "details of orders".into(), skipped: 11, rows: 100 };
        assert_eq!(tolerance.exceeded(&[], (100, 11)), Some(details));
        let months = [slice("customers", 1_000, 0), slice("orders", 470, 30), slice("orders", 479, 21)];
        let excess = Excess { resource: "orders".into(), skipped: 51, rows: 1_000 };
        assert_eq!(tolerance.exceeded(&months, (0, 0)), Some(excess), "slices of a resource count together");
        assert_eq!(Tolerance { percent: 100 }.exceeded(&[slice("orders", 0, 500)], (0, 0)), None);
    }
}
