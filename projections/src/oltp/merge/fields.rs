//! The plain fields of a row, each a register of its own: which there are, how they are seen, stored and told.

use std::hash::Hash;

use qafila_schemas::amount::Amount;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::ObservedFields;
use sqlx::postgres::PgArguments;

use super::register::{Register, Rules, Sightings, Stamp};
use super::table::{Columns, add, add_texts, decimal};

/// Names of the fields of a kind of row, which are its columns, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Texts.
    pub texts: &'static [&'static str],
    /// Whole numbers.
    pub numbers: &'static [&'static str],
    /// Money.
    pub amounts: &'static [&'static str],
    /// Yes or no.
    pub flags: &'static [&'static str],
}

impl Layout {
    /// Names in the order in which registers are numbered.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.texts, self.numbers, self.amounts, self.flags].into_iter().flatten().copied()
    }

    /// Columns with their types.
    pub fn columns(&self) -> Vec<(&'static str, &'static str)> {
        let of =
            |names: &'static [&'static str], kind: &'static str| names.iter().map(move |name| (*name, kind));
        of(self.texts, "text")
            .chain(of(self.numbers, "bigint"))
            .chain(of(self.amounts, "numeric"))
            .chain(of(self.flags, "boolean"))
            .collect()
    }
}

/// What one observation says of the fields of a [`Layout`], in its order; and the names of those of which it says that there are none,
/// and of those whose value is no source's but ours.
#[derive(Debug, Default)]
pub struct Claims {
    /// Texts.
    pub texts: Vec<Option<String>>,
    /// Whole numbers.
    pub numbers: Vec<Option<i64>>,
    /// Money.
    pub amounts: Vec<Option<Amount>>,
    /// Yes or no.
    pub flags: Vec<Option<bool>>,
    /// Names of fields that are not there.
    pub empty: Vec<String>,
    /// Names of fields whose value is assumed: any source's own word takes its place.
    pub assumed: Vec<String>,
}

/// The registers of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    layout: Named,
    texts: Vec<Register<String>>,
    numbers: Vec<Register<i64>>,
    amounts: Vec<Register<Amount>>,
    flags: Vec<Register<bool>>,
}

/// A layout is one of a few constants; rows are compared without it.
#[derive(Clone, Copy)]
struct Named(Layout);

impl PartialEq for Named {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("layout")
    }
}

impl Fields {
    /// Of which nothing is known.
    pub fn blank(layout: Layout) -> Self {
        Self {
            layout: Named(layout),
            texts: vec![Register::default(); layout.texts.len()],
            numbers: vec![Register::default(); layout.numbers.len()],
            amounts: vec![Register::default(); layout.amounts.len()],
            flags: vec![Register::default(); layout.flags.len()],
        }
    }

    /// Takes in what an observation says; of what it does not say nothing changes. Says whether anything is different now.
    pub fn observe(&mut self, claims: Claims, stamp: Stamp, rules: Rules) -> bool {
        let Named(layout) = self.layout;
        let Claims { texts, numbers, amounts, flags, empty, assumed } = claims;
        let named = Names { empty: &empty, assumed: &assumed };
        let mut changed = observe(&mut self.texts, layout.texts, texts, named, stamp, rules);
        changed |= observe(&mut self.numbers, layout.numbers, numbers, named, stamp, rules);
        changed |= observe(&mut self.amounts, layout.amounts, amounts, named, stamp, rules);
        changed | observe(&mut self.flags, layout.flags, flags, named, stamp, rules)
    }

    /// A text by its place.
    pub fn text(&self, place: usize) -> &Register<String> {
        &self.texts[place]
    }

    /// A number by its place.
    pub fn number(&self, place: usize) -> &Register<i64> {
        &self.numbers[place]
    }

    /// A flag by its place.
    pub fn flag(&self, place: usize) -> &Register<bool> {
        &self.flags[place]
    }

    /// Takes texts, numbers, amounts and flags out, in the order of the layout.
    pub fn into_values(self) -> Values {
        Values {
            texts: values(self.texts),
            numbers: values(self.numbers),
            amounts: values(self.amounts),
            flags: values(self.flags),
        }
    }

    /// What decides each register, in the order in which they are numbered.
    pub fn seen(&self) -> impl Iterator<Item = &Sightings> {
        let texts = self.texts.iter().map(Register::seen);
        let numbers = self.numbers.iter().map(Register::seen);
        let amounts = self.amounts.iter().map(Register::seen);
        texts.chain(numbers).chain(amounts).chain(self.flags.iter().map(Register::seen))
    }

    /// Since when the row has to be read to know what a field is; none where that is clear. The fields of these names raise none.
    pub fn doubt(&self, rules: Rules, without: &[&str]) -> Option<Millis> {
        let Named(layout) = self.layout;
        let named = layout.names().zip(self.seen()).filter(|(name, _)| !without.contains(name));
        named.filter_map(|(_, seen)| seen.doubt(rules)).max()
    }

    /// Which observation won which fields.
    pub fn observed(&self, rules: Rules) -> Observed {
        let Named(layout) = self.layout;
        let mut observed = Observed::default();
        for (name, seen) in layout.names().zip(self.seen()) {
            let told = seen.winner(rules).map(|winner| winner.stamp).filter(|stamp| !stamp.is_assumed());
            observed.add(name, told);
        }
        observed
    }

    /// Adds one array per column; of texts what `shown` makes of row and place.
    pub fn bind<'r>(
        rows: impl Iterator<Item = &'r Self> + Clone,
        layout: Layout,
        shown: impl Fn(usize, usize, &'r Self) -> Option<&'r str>,
        into: &mut PgArguments,
    ) -> Result<(), sqlx::Error> {
        for place in 0..layout.texts.len() {
            add_texts(into, rows.clone().enumerate().map(|(row, fields)| shown(row, place, fields)))?;
        }
        for place in 0..layout.numbers.len() {
            add(into, rows.clone().map(|f| f.numbers[place].value().copied()).collect::<Vec<_>>())?;
        }
        for place in 0..layout.amounts.len() {
            add(into, rows.clone().map(|f| decimal(f.amounts[place].value().copied())).collect::<Vec<_>>())?;
        }
        for place in 0..layout.flags.len() {
            add(into, rows.clone().map(|f| f.flags[place].value().copied()).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Reads the columns, with what decides each; `hidden` are texts that are known and not shown, by their place.
    pub fn read(
        layout: Layout,
        columns: &mut Columns<'_>,
        seen: &mut impl Iterator<Item = Sightings>,
        hidden: &mut dyn FnMut(usize) -> Option<String>,
    ) -> Result<Self, sqlx::Error> {
        let mut fields = Self::blank(layout);
        for (place, register) in fields.texts.iter_mut().enumerate() {
            let text: Option<String> = columns.take()?;
            *register = Register::stored(text.or_else(|| hidden(place)), seen.next().unwrap_or_default());
        }
        for register in &mut fields.numbers {
            *register = Register::stored(columns.take()?, seen.next().unwrap_or_default());
        }
        for register in &mut fields.amounts {
            *register = Register::stored(columns.amount()?, seen.next().unwrap_or_default());
        }
        for register in &mut fields.flags {
            *register = Register::stored(columns.take()?, seen.next().unwrap_or_default());
        }
        Ok(fields)
    }
}

/// The fields that an observation names.
#[derive(Clone, Copy)]
struct Names<'a> {
    empty: &'a [String],
    assumed: &'a [String],
}

fn observe<T: Hash>(
    registers: &mut [Register<T>],
    names: &[&str],
    values: Vec<Option<T>>,
    Names { empty, assumed }: Names<'_>,
    stamp: Stamp,
    rules: Rules,
) -> bool {
    let mut changed = false;
    for ((register, value), name) in registers.iter_mut().zip(values).zip(names) {
        if value.is_some() && assumed.iter().any(|assumed| assumed == name) {
            let stamp = Stamp::assumed(&value, stamp);
            changed |= register.observe(value, stamp, rules);
        } else if value.is_some() || empty.iter().any(|empty| empty == name) {
            changed |= register.observe(value, stamp, rules);
        }
    }
    changed
}

fn values<T>(registers: Vec<Register<T>>) -> std::vec::IntoIter<Option<T>> {
    registers.into_iter().map(Register::into_value).collect::<Vec<_>>().into_iter()
}

/// Values of a row, to be taken in the order of its layout.
pub struct Values {
    texts: std::vec::IntoIter<Option<String>>,
    numbers: std::vec::IntoIter<Option<i64>>,
    amounts: std::vec::IntoIter<Option<Amount>>,
    flags: std::vec::IntoIter<Option<bool>>,
}

impl Values {
    /// The next text.
    pub fn text(&mut self) -> Option<String> {
        self.texts.next().flatten()
    }

    /// The next number.
    pub fn number(&mut self) -> Option<i64> {
        self.numbers.next().flatten()
    }

    /// The next amount.
    pub fn amount(&mut self) -> Option<Amount> {
        self.amounts.next().flatten()
    }

    /// The next flag.
    pub fn flag(&mut self) -> Option<bool> {
        self.flags.next().flatten()
    }
}

/// Fields by the observation that won them.
#[derive(Debug, Default)]
pub struct Observed(Vec<(Stamp, Vec<String>)>);

impl Observed {
    /// Adds a field; nothing where nobody told it.
    pub fn add(&mut self, name: &str, stamp: Option<Stamp>) {
        let Some(stamp) = stamp else { return };
        match self.0.iter_mut().find(|(known, _)| *known == stamp) {
            Some((_, names)) => names.push(name.to_owned()),
            None => self.0.push((stamp, vec![name.to_owned()])),
        }
    }

    /// As facts carry it, newest first.
    pub fn into_fact(mut self) -> Vec<ObservedFields> {
        self.0.sort_by_key(|(stamp, _)| std::cmp::Reverse((stamp.observed_at, stamp.origin, stamp.tie)));
        let told = |(stamp, fields): (Stamp, Vec<String>)| ObservedFields {
            observed_at: stamp.observed_at,
            source: stamp.origin.source(),
            fields,
        };
        self.0.into_iter().map(told).collect()
    }
}
