//! Tells a list that repeats its pages, and would for ever, from one that ends.

/// Pages in a row without a row that the scan has not read before. Rows that come meanwhile repeat one page, not several.
const MAX_REPEATED_PAGES: u32 = 3;

/// What one scan of a list has seen of repeats.
#[derive(Debug, Default)]
pub struct Repeats {
    pages_in_a_row: u32,
}

impl Repeats {
    /// Notes a page that showed so many rows for the first time. True where the list repeats its pages: then what was read decides.
    pub fn is_endless(&mut self, fresh: usize) -> bool {
        self.pages_in_a_row = if fresh == 0 { self.pages_in_a_row + 1 } else { 0 };
        self.pages_in_a_row >= MAX_REPEATED_PAGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages_until_endless(fresh: &[usize]) -> Option<usize> {
        let mut repeats = Repeats::default();
        fresh.iter().position(|fresh| repeats.is_endless(*fresh))
    }

    #[test]
    fn a_list_is_endless_once_several_pages_in_a_row_show_nothing_new() {
        assert_eq!(pages_until_endless(&[30, 30, 0, 0, 0, 0]), Some(4));
        assert_eq!(pages_until_endless(&[0, 0, 0]), Some(2));
    }

    #[test]
    fn a_page_that_repeats_because_rows_came_meanwhile_does_not_end_a_list() {
        assert_eq!(pages_until_endless(&[30, 0, 30, 0, 0, 1, 0, 0, 30]), None);
    }
}
