//! Lists that lie, or move while they are read: what a sync must notice before it says "complete".

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What the lists of one store do; each chance is 0 to 1 a list answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lies {
    /// A page holds fewer rows than its total says.
    pub cut_pages: f64,
    /// The total is too small, and so is the number of pages.
    pub moved_totals: f64,
    /// 200 with no rows and a total of 0.
    pub empty_success: f64,
    /// A row stands in the place of another.
    pub duplicates: f64,
    /// An order arrives before the answer.
    pub arrivals: f64,
    /// An order of the list is deleted before the answer.
    pub vanishings: f64,
    /// The first page comes again for every page, and each says that another follows.
    pub endless_pages: f64,
    /// So many answers lie or move, then the truth is told.
    pub answers: u32,
}

/// What one answer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Rows are missing.
    CutPage,
    /// The total is too small.
    MovedTotal,
    /// Nothing at all.
    EmptySuccess,
    /// A row twice, another not at all.
    Duplicate,
    /// One order more.
    Arrival,
    /// One order less.
    Vanishing,
    /// The first page again, and another to follow.
    EndlessPages,
}

impl Lies {
    /// Decides about one list answer.
    pub fn draw(&mut self, dice: &mut ChaCha8Rng) -> Option<Lie> {
        if self.answers == 0 {
            return None;
        }
        let chances = [
            (self.cut_pages, Lie::CutPage),
            (self.moved_totals, Lie::MovedTotal),
            (self.empty_success, Lie::EmptySuccess),
            (self.duplicates, Lie::Duplicate),
            (self.arrivals, Lie::Arrival),
            (self.vanishings, Lie::Vanishing),
            (self.endless_pages, Lie::EndlessPages),
        ];
        let lie = chances
            .into_iter()
            .find(|(chance, _)| dice.random_bool(chance.clamp(0.0, 1.0)))
            .map(|(_, lie)| lie)?;
        self.answers -= 1;
        Some(lie)
    }
}
