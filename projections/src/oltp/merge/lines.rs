//! The lines of an order: thin ones of lists (name and quantity), whole ones of details and webhooks, and what one source tells of a line
//! that another leaves out: its product, and what the customer chose and wrote.

use std::hash::{Hash, Hasher};

use qafila_schemas::millis::Millis;
use qafila_schemas::records::observation::OrderLine;
use serde::{Deserialize, Serialize};

use super::register::{Register, Rules, Sightings, Stamp, hash};
use super::resolution::can_be_looked_up;

/// How a product was found.
pub const BY_LINE: &str = "line";
const BY_ORDER: &str = "order";
const BY_SKU: &str = "sku";

/// Lines as a source told them, compared without how a product was found.
#[derive(Debug, Clone, PartialEq)]
struct Told(Vec<OrderLine>);

impl Hash for Told {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The lines of one order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OrderLines {
    whole: Register<Told>,
    /// When thin lines were seen last, and a hash of the goods in them.
    thin: Option<(Stamp, u32)>,
    /// The thin lines, as long as there are no whole ones.
    thin_lines: Vec<OrderLine>,
    /// What a line is known by, and what was told of it by another source than the one that told the lines.
    extras: Vec<Extra>,
    /// SKU and product, found by a look-up.
    by_sku: Vec<(String, i64)>,
}

/// One thing told of a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Extra {
    /// What the line is known by.
    key: String,
    stamp: Stamp,
    what: What,
}

#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
enum What {
    Product(i64),
    Options(String),
}

impl What {
    fn is_of_the_kind_of(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What of this is kept in the ledger.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct LinesLedger {
    extras: Vec<Extra>,
    by_sku: Vec<(String, i64)>,
    /// Thin lines: when, and a hash of the goods.
    thin: Option<(Stamp, u32)>,
    /// Where whole lines are shown: places of lines whose product, and whose options, come from elsewhere.
    filled_products: Vec<u16>,
    filled_options: Vec<u16>,
}

impl OrderLines {
    /// Takes in lines; says whether anything is different now.
    pub fn observe(
        &mut self,
        mut lines: Vec<OrderLine>,
        is_complete: bool,
        stamp: Stamp,
        rules: Rules,
    ) -> bool {
        for line in &mut lines {
            line.product_found_by = line.product_id.map(|_| BY_LINE.to_owned());
        }
        if !is_complete {
            return self.observe_thin(lines, stamp, rules);
        }
        self.thin_lines.clear();
        let told = told_of(&lines, stamp);
        let before = self.whole.clone();
        let changed = self.whole.observe(Some(Told(lines)), stamp, rules);
        let mut extras_changed = false;
        // What the former winner told and the new one leaves out is told by the former one still.
        if let Some(Told(former)) = before.value().filter(|_| before.value() != self.whole.value()) {
            let former = before.stamp(rules).map_or_else(Vec::new, |stamp| told_of(former, stamp));
            extras_changed |= self.keep(former, rules);
        }
        extras_changed |= self.keep(told, rules);
        changed | extras_changed
    }

    fn observe_thin(&mut self, lines: Vec<OrderLine>, stamp: Stamp, rules: Rules) -> bool {
        if self.thin.is_some_and(|(known, _)| !stamp.is_after(known, rules)) {
            return false;
        }
        self.thin = Some((stamp, goods(&lines)));
        if !self.is_complete() {
            self.thin_lines = lines;
        }
        true
    }

    /// Keeps of what was told what the winner leaves out, of each thing the newest.
    fn keep(&mut self, told: Vec<Extra>, rules: Rules) -> bool {
        let before = self.extras.clone();
        for extra in told {
            let known =
                self.extras.iter_mut().find(|k| k.key == extra.key && k.what.is_of_the_kind_of(&extra.what));
            match known {
                Some(known) if extra.stamp.is_after(known.stamp, rules) => *known = extra,
                Some(_) => {}
                None => self.extras.push(extra),
            }
        }
        let winner = self.whole.value().zip(self.whole.stamp(rules));
        let said = winner.map_or_else(Vec::new, |(Told(lines), stamp)| told_of(lines, stamp));
        self.extras.retain(|extra| {
            !said.iter().any(|said| said.key == extra.key && said.what.is_of_the_kind_of(&extra.what))
        });
        self.extras.sort_by(|one, other| {
            one.key
                .cmp(&other.key)
                .then(one.what.partial_cmp(&other.what).unwrap_or(std::cmp::Ordering::Equal))
        });
        self.extras != before
    }

    /// Since when the order has to be read to know its lines; none where that is clear.
    pub fn doubt(&self, rules: Rules) -> Option<Millis> {
        let between = self.whole.seen().doubt(rules);
        let Some(((Told(lines), whole), (thin, thin_goods))) =
            self.whole.value().zip(self.whole.stamp(rules)).zip(self.thin)
        else {
            return between;
        };
        // A list may be as old as the cache window, and thin lines that are newer than whole ones never replace them.
        let may_be_newer =
            thin.observed_at.0.saturating_add(rules.list_cache_window_ms) > whole.observed_at.0;
        let differ = may_be_newer && thin_goods != goods(lines);
        between.max(differ.then(|| Millis(thin.observed_at.max(whole.observed_at).0.saturating_add(1))))
    }

    /// Whether the lines are whole.
    pub fn is_complete(&self) -> bool {
        self.whole.value().is_some()
    }

    /// The stamp of the lines that are shown.
    pub fn stamp(&self, rules: Rules) -> Option<Stamp> {
        self.whole.stamp(rules).or(self.thin.map(|(stamp, _)| stamp))
    }

    /// The lines as they are shown: what a source left out is filled by what another told, a product by its SKU at last.
    pub fn shown(&self) -> Vec<OrderLine> {
        let Some(Told(lines)) = self.whole.value() else {
            return self.thin_lines.clone();
        };
        lines.iter().map(|line| self.filled(line)).collect()
    }

    fn filled(&self, line: &OrderLine) -> OrderLine {
        let mut line = line.clone();
        let keys = keys(&line);
        let of_key = |key: &String| {
            self.extras.iter().filter(|extra| extra.key == *key).map(|extra| &extra.what).collect::<Vec<_>>()
        };
        for what in keys.iter().flat_map(of_key) {
            match what {
                What::Product(id) if line.product_id.is_none() => {
                    (line.product_id, line.product_found_by) = (Some(*id), Some(BY_ORDER.into()));
                }
                What::Options(text) if line.options.is_none() => line.options = Some(text.clone()),
                What::Product(_) | What::Options(_) => {}
            }
        }
        if line.product_id.is_none() {
            let found = self.by_sku.iter().find(|(sku, _)| Some(sku) == line.sku.as_ref());
            if let Some((_, id)) = found {
                (line.product_id, line.product_found_by) = (Some(*id), Some(BY_SKU.into()));
            }
        }
        line
    }

    /// SKUs of lines whose product nobody has told.
    pub fn unresolved_skus(&self) -> Vec<&str> {
        let Some(Told(lines)) = self.whole.value() else { return Vec::new() };
        let mut skus: Vec<&str> = lines
            .iter()
            .filter(|line| self.filled(line).product_id.is_none())
            .filter_map(|line| line.sku.as_deref())
            .filter(|sku| can_be_looked_up(sku))
            .collect();
        skus.sort_unstable();
        skus.dedup();
        skus
    }

    /// Takes the products of SKUs that are not resolved yet; says whether anything is different now. What was found once stays.
    pub fn resolve(&mut self, product: &dyn Fn(&str) -> Option<i64>) -> bool {
        let found: Vec<(String, i64)> = self
            .unresolved_skus()
            .into_iter()
            .filter_map(|sku| Some((sku.to_owned(), product(sku)?)))
            .collect();
        let changed = !found.is_empty();
        self.by_sku.extend(found);
        self.by_sku.sort();
        changed
    }

    /// What decides whole lines, for the ledger.
    pub fn seen(&self) -> &Sightings {
        self.whole.seen()
    }

    /// What else has to be remembered.
    pub fn ledger(&self) -> LinesLedger {
        let whole: &[OrderLine] = self.whole.value().map_or(&[], |Told(lines)| lines);
        let filled = |is_filled: fn(&OrderLine, &OrderLine) -> bool| {
            let places = (0_u16..).zip(whole).filter(|(_, line)| is_filled(line, &self.filled(line)));
            places.map(|(place, _)| place).collect()
        };
        LinesLedger {
            extras: self.extras.clone(),
            by_sku: self.by_sku.clone(),
            thin: self.thin,
            filled_products: filled(|told, shown| told.product_id.is_none() && shown.product_id.is_some()),
            filled_options: filled(|told, shown| told.options.is_none() && shown.options.is_some()),
        }
    }

    /// From what was shown and remembered.
    pub fn stored(
        mut shown: Vec<OrderLine>,
        is_complete: bool,
        whole: Sightings,
        ledger: LinesLedger,
    ) -> Self {
        for place in &ledger.filled_products {
            if let Some(line) = shown.get_mut(usize::from(*place)) {
                (line.product_id, line.product_found_by) = (None, None);
            }
        }
        for place in &ledger.filled_options {
            if let Some(line) = shown.get_mut(usize::from(*place)) {
                line.options = None;
            }
        }
        let LinesLedger { extras, by_sku, thin, .. } = ledger;
        let (whole, thin_lines) = if is_complete {
            (Register::stored(Some(Told(shown)), whole), Vec::new())
        } else {
            (Register::default(), shown)
        };
        Self { whole, thin, thin_lines, extras, by_sku }
    }
}

/// What the lines tell that other sources may leave out.
fn told_of(lines: &[OrderLine], stamp: Stamp) -> Vec<Extra> {
    let mut told = Vec::new();
    for line in lines {
        for key in keys(line) {
            // Two lines of one SKU differ in what was chosen.
            let options = line.options.as_ref().filter(|_| key.starts_with(OF_ID));
            let both = [line.product_id.map(What::Product), options.cloned().map(What::Options)];
            told.extend(both.into_iter().flatten().map(|what| Extra { key: key.clone(), stamp, what }));
        }
    }
    told
}

const OF_ID: &str = "id:";

/// What a line is known by, the best first: its id, its SKU, and without one its name.
fn keys(line: &OrderLine) -> Vec<String> {
    let id = line.line_id.map(|id| format!("{OF_ID}{id}"));
    let goods = match (&line.sku, &line.name) {
        (Some(sku), _) => Some(format!("sku:{sku}")),
        (None, name) => name.as_ref().map(|name| format!("name:{name}")),
    };
    id.into_iter().chain(goods).collect()
}

/// The goods in lines, in whatever order: names and numbers.
fn goods(lines: &[OrderLine]) -> u32 {
    let mut goods: Vec<_> = lines.iter().map(|line| (&line.name, line.quantity)).collect();
    goods.sort_unstable();
    hash(&goods)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::register::Origin;
    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn line(line_id: i64, sku: Option<&str>, product_id: Option<i64>, quantity: &str) -> OrderLine {
        OrderLine {
            line_id: Some(line_id),
            product_id,
            name: Some("dates".into()),
            sku: sku.map(str::to_owned),
            quantity: quantity.parse().ok(),
            ..OrderLine::default()
        }
    }

    type Seen = (Stamp, bool, Vec<OrderLine>);

    fn seen(origin: Origin, minute: i64, lines: Vec<OrderLine>) -> Seen {
        let stamp = Stamp { observed_at: Millis(minute * 60_000), origin, tie: hash(&lines) };
        (stamp, origin != Origin::List, lines)
    }

    fn merged(all: &[Seen]) -> OrderLines {
        let mut lines = OrderLines::default();
        for (stamp, is_complete, seen) in all {
            lines.observe(seen.clone(), *is_complete, *stamp, RULES);
        }
        lines
    }

    #[test]
    fn a_sku_that_is_longer_than_a_key_may_be_is_not_looked_up() {
        let long = "A".repeat(10_000);
        let read =
            seen(Origin::Details, 0, vec![line(1, Some(&long), None, "1"), line(2, Some("B"), None, "1")]);
        let lines = merged(&[read]);
        assert_eq!(lines.unresolved_skus(), ["B"]);
        assert_eq!(lines.shown()[0].sku.as_deref(), Some(long.as_str()), "it is shown all the same");
    }

    #[test]
    fn the_products_that_a_webhook_names_stay_when_a_read_names_none_whatever_comes_first() {
        let told = vec![line(1, Some("A"), Some(10), "1"), line(2, None, Some(20), "1")];
        let webhook = seen(Origin::Webhook, 0, told);
        let read =
            vec![line(1, Some("A"), None, "3"), line(2, None, None, "1"), line(3, Some("C"), None, "1")];
        let read = seen(Origin::Details, 60, read);
        let one = merged(&[webhook.clone(), read.clone()]);
        assert_eq!(one, merged(&[read, webhook]));
        let shown = one.shown();
        let products: Vec<_> =
            shown.iter().map(|line| (line.product_id, line.product_found_by.as_deref())).collect();
        assert_eq!(products, [(Some(10), Some(BY_ORDER)), (Some(20), Some(BY_ORDER)), (None, None)]);
        assert_eq!(shown[0].quantity, "3".parse().ok(), "the rest is the read's");
    }

    #[test]
    fn a_product_is_found_by_sku_where_no_source_names_it_and_stays_found() {
        let mut lines = merged(&[seen(
            Origin::Details,
            0,
            vec![line(1, Some("A"), None, "1"), line(2, None, None, "1")],
        )]);
        assert_eq!(lines.unresolved_skus(), ["A"]);
        assert!(lines.resolve(&|sku| (sku == "A").then_some(7)));
        assert!(!lines.resolve(&|_| Some(8)), "it is found");
        let shown = lines.shown();
        assert_eq!((shown[0].product_id, shown[0].product_found_by.as_deref()), (Some(7), Some(BY_SKU)));
        let stored = OrderLines::stored(shown, true, *lines.seen(), lines.ledger());
        assert_eq!(stored, lines, "what is stored is what was known");
    }

    #[test]
    fn thin_lines_never_replace_whole_ones_and_raise_a_doubt_where_they_tell_other_goods() {
        let whole = seen(Origin::Details, 60, vec![line(1, None, None, "1")]);
        let same = seen(Origin::List, 70, vec![OrderLine { line_id: None, ..line(1, None, None, "1") }]);
        let other = seen(Origin::List, 70, vec![OrderLine { line_id: None, ..line(1, None, None, "2") }]);
        let older = seen(Origin::List, 30, vec![OrderLine { line_id: None, ..line(1, None, None, "2") }]);
        for (thin, doubt) in [(same, None), (other, Some(Millis(70 * 60_000 + 1))), (older, None)] {
            let (one, two) = (merged(&[whole.clone(), thin.clone()]), merged(&[thin, whole.clone()]));
            assert_eq!(one, two);
            assert_eq!((one.doubt(RULES), one.is_complete()), (doubt, true));
        }
    }

    fn any_seen() -> impl Strategy<Value = Seen> {
        let any_line =
            (1_i64..4, prop::option::of("[AB]"), prop::option::of(1_i64..3), prop::option::of("[xy]"));
        let lines = prop::collection::vec(any_line, 0..4);
        (0_i64..5, 0_u8..3, lines).prop_map(|(minute, origin, lines)| {
            let origin = [Origin::List, Origin::Webhook, Origin::Details][usize::from(origin)];
            let lines = lines.into_iter().map(|(id, sku, product, options)| OrderLine {
                options,
                ..line(id, sku.as_deref(), product, "1")
            });
            seen(origin, minute, lines.collect())
        })
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_repeats_and_storing_in_between_do_not_matter(
            (all, shuffled) in prop::collection::vec(any_seen(), 1..8)
                .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
        ) {
            let expected = merged(&all);
            let mut stored = OrderLines::default();
            for (stamp, is_complete, lines) in shuffled.iter().chain(&all) {
                stored.observe(lines.clone(), *is_complete, *stamp, RULES);
                let bytes = postcard::to_stdvec(&stored.ledger()).expect("it can be kept");
                let ledger = postcard::from_bytes(&bytes).expect("it can be read");
                stored = OrderLines::stored(stored.shown(), stored.is_complete(), *stored.seen(), ledger);
            }
            prop_assert_eq!(stored, expected);
        }
    }
}
