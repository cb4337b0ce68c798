//! How large batches are: one whose effect takes too long (a Kafka transaction that times out) would fail for ever, so the next ones are
//! smaller until effects come about again.

/// Batches that were finished before the next ones are twice as large again.
const FINISHED_BEFORE_GROWTH: u32 = 20;
const MAX_HALVINGS: u32 = 8;

/// How often batches were halved.
#[derive(Debug, Default)]
pub(super) struct Portions {
    halvings: u32,
    finished: u32,
}

impl Portions {
    /// The next batches are half as large.
    pub(super) fn halve(&mut self) {
        *self = Self { halvings: (self.halvings + 1).min(MAX_HALVINGS), finished: 0 };
    }

    /// A batch was finished.
    pub(super) fn finished(&mut self) {
        self.finished += 1;
        if self.finished == FINISHED_BEFORE_GROWTH {
            *self = Self { halvings: self.halvings.saturating_sub(1), finished: 0 };
        }
    }

    /// What is left of a limit.
    pub(super) fn of(&self, limit: usize) -> usize {
        (limit >> self.halvings).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_halved_down_to_a_floor_and_grow_again_after_some_that_were_finished() {
        let mut portions = Portions::default();
        assert_eq!(portions.of(5_000), 5_000);
        portions.halve();
        portions.halve();
        assert_eq!(portions.of(5_000), 1_250);
        (0..FINISHED_BEFORE_GROWTH).for_each(|_| portions.finished());
        assert_eq!(portions.of(5_000), 2_500);
        (0..FINISHED_BEFORE_GROWTH - 1).for_each(|_| portions.finished());
        portions.halve();
        assert_eq!(portions.of(5_000), 1_250, "what was finished before counts no more");
        (0..100).for_each(|_| portions.halve());
        assert_eq!((portions.of(5_000), portions.of(10)), (19, 1));
    }
}
