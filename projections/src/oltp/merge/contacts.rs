//! What stands in a row about a person beside a customer's id: whose it is. What is of another than the row's present customer is kept and not
//! shown.

use serde::{Deserialize, Serialize};

use super::fields::{Claims, Fields, Layout};
use super::register::{Rules, Stamp};

const MAX_CONTACTS: usize = 4;
/// The first number of a layout that has contacts is the customer's id.
const CUSTOMER_ID: usize = 0;

/// Whose the first texts of a layout are, by Salla's customer id; none of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contacts {
    layout: &'static Layout,
    count: usize,
    of: [Option<i64>; MAX_CONTACTS],
}

impl Contacts {
    /// Of which nothing is known: the first `count` texts of `layout`, [`MAX_CONTACTS`] at most.
    pub const fn of_first(count: usize, layout: &'static Layout) -> Self {
        assert!(count <= MAX_CONTACTS, "there is room for the owners of so many");
        Self { layout, count, of: [None; MAX_CONTACTS] }
    }

    /// Lets `fields` observe, and remembers whose contacts won. Says whether anything is different now.
    ///
    /// A source that does not say whose contacts it tells may tell those of anybody: they stand as long as no other source has told any.
    pub fn observe(&mut self, fields: &mut Fields, mut claims: Claims, stamp: Stamp, rules: Rules) -> bool {
        let names = &self.layout.texts[..self.count];
        let customer = claims.numbers[CUSTOMER_ID];
        if customer.is_none() && !claims.empty.iter().any(|name| name == self.layout.numbers[CUSTOMER_ID]) {
            claims.empty.retain(|name| !names.contains(&name.as_str()));
            claims.assumed.extend(names.iter().map(|name| (*name).to_owned()));
        }
        let before: [Option<Stamp>; MAX_CONTACTS] = std::array::from_fn(|place| {
            self.is_contact(place).then(|| fields.text(place).stamp(rules)).flatten()
        });
        let changed = fields.observe(claims, stamp, rules);
        for (place, before) in before.into_iter().enumerate().take(self.count) {
            let won = fields.text(place).stamp(rules);
            if won != before && won == Some(stamp) {
                self.of[place] = customer;
            }
        }
        changed
    }

    /// The text of a column, of any place.
    pub fn shown<'f>(&self, fields: &'f Fields, place: usize) -> Option<&'f str> {
        fields.text(place).value().filter(|_| self.is_shown(fields, place)).map(String::as_str)
    }

    /// What the ledger keeps, because no column has it.
    pub fn to_ledger(self, fields: &Fields) -> ContactsLedger {
        let hidden = (0..self.count).filter(|place| !self.is_shown(fields, *place));
        let hidden = hidden.filter_map(|place| Some((place as u8, fields.text(place).value()?.clone())));
        ContactsLedger { of: self.of, hidden: hidden.collect() }
    }

    /// With the owners that the ledger has kept.
    #[must_use]
    pub fn with(self, ledger: &ContactsLedger) -> Self {
        Self { of: ledger.of, ..self }
    }

    fn is_contact(&self, place: usize) -> bool {
        place < self.count
    }

    fn is_shown(&self, fields: &Fields, place: usize) -> bool {
        !self.is_contact(place) || self.of[place] == fields.number(CUSTOMER_ID).value().copied()
    }
}

/// As a row's ledger keeps it.
#[derive(Default, Serialize, Deserialize)]
pub struct ContactsLedger {
    of: [Option<i64>; MAX_CONTACTS],
    /// Texts that are not shown, by their place.
    hidden: Vec<(u8, String)>,
}

impl ContactsLedger {
    /// The text of a place that is not shown.
    pub fn take_hidden(&mut self, place: usize) -> Option<String> {
        let at = self.hidden.iter().position(|(known, _)| usize::from(*known) == place)?;
        Some(self.hidden.swap_remove(at).1)
    }
}
