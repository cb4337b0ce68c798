//! The name, phone and e-mail address that stand in a row beside a customer: whose they are. Those of another than the row's present customer
//! are kept and not shown.

use serde::{Deserialize, Serialize};

use super::fields::{Claims, Fields};
use super::register::{Rules, Stamp};

/// How many there are. They are the first texts of a layout that has them: name, phone, e-mail address.
pub const CONTACTS: usize = 3;
/// The first number of a layout that has contacts is the customer's id.
const CUSTOMER_ID: usize = 0;

/// Whose name, phone and e-mail address are known, by Salla's customer id; none of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contacts {
    of: [Option<i64>; CONTACTS],
}

impl Contacts {
    /// Lets `fields` observe, and remembers whose contacts won. Says whether anything is different now.
    pub fn observe(&mut self, fields: &mut Fields, claims: Claims, stamp: Stamp, rules: Rules) -> bool {
        let customer = claims.numbers[CUSTOMER_ID];
        let before: [Option<Stamp>; CONTACTS] = std::array::from_fn(|place| fields.text(place).stamp(rules));
        let changed = fields.observe(claims, stamp, rules);
        for (place, before) in before.into_iter().enumerate() {
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
        let hidden = (0..CONTACTS).filter(|place| !self.is_shown(fields, *place));
        let hidden = hidden.filter_map(|place| Some((place as u8, fields.text(place).value()?.clone())));
        ContactsLedger { contacts: self, hidden: hidden.collect() }
    }

    fn is_shown(&self, fields: &Fields, place: usize) -> bool {
        place >= CONTACTS || self.of[place] == fields.number(CUSTOMER_ID).value().copied()
    }
}

/// As a row's ledger keeps it.
#[derive(Default, Serialize, Deserialize)]
pub struct ContactsLedger {
    /// Whose they are.
    pub contacts: Contacts,
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
