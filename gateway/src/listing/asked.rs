//! Reading the parameters of a list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use chrono_tz::Tz;
use qafila_ingest::mapping::market::Market;
use qafila_projections::lists::find::{Place, Sort, Wanted};
use qafila_projections::lists::row::MAX_VALUE;
use qafila_projections::lists::terms::Terms;
use qafila_projections::olap::reports::start_of_day;
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::Contact;
use qafila_schemas::spelling;
use qafila_schemas::words::rule::Rule;

use super::Listing;
use crate::auth::rules::Broken;
use crate::call::Call;
use crate::days;
use crate::people;
use crate::problem::Problem;

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;
/// Values of one filter.
const MAX_VALUES: usize = 20;

/// What was asked for.
pub struct Asked {
    /// Rows that are wanted, but for people.
    pub wanted: Wanted,
    /// E-mail, phone and words of a name that are looked for.
    pub contacts: Vec<Contact>,
    /// The order, as it was asked for.
    pub(super) sort: String,
    pub(super) after: Option<Place>,
    pub(super) limit: i64,
    /// Whether rows are counted.
    pub is_counted: bool,
}

impl Listing {
    /// Reads the parameters of a call about a merchant's store; everything that is wrong is named.
    pub fn read(
        &self,
        call: &Call,
        market: Market,
        merchant: MerchantId,
        store: i64,
    ) -> Result<Asked, Problem> {
        let mut reading = Reading::new(self, market, Terms::of(merchant, store));
        let parameters = call.parameters();
        for (index, (name, value)) in parameters.iter().enumerate() {
            let is_repeated = parameters[..index].iter().any(|(before, _)| before == name);
            let read = match name.as_str() {
                name if is_repeated && !is_of_several(name) => Err(Rule::repeated()),
                "timezone" => days::zone(value).map(|zone| reading.zone = zone),
                _ => Ok(()),
            };
            reading.broken.check(name, read);
        }
        for (name, value) in &parameters {
            let read = reading.take(name, value);
            reading.broken.check(name, read);
        }
        reading.finish(&parameters)
    }
}

/// Filters that take several values.
fn is_of_several(name: &str) -> bool {
    matches!(
        name,
        "status" | "paymentMethod" | "channel" | "city" | "country" | "group" | "kind" | "brand" | "category"
    )
}

struct Reading<'l> {
    listing: &'l Listing,
    market: Market,
    terms: Terms,
    zone: Tz,
    wanted: Wanted,
    /// Values that are found by their terms, by filter.
    valued: Vec<(&'static str, Vec<i64>)>,
    contacts: Vec<Contact>,
    limit: i64,
    is_counted: bool,
    sort: Option<String>,
    broken: Broken,
}

impl<'l> Reading<'l> {
    fn new(listing: &'l Listing, market: Market, terms: Terms) -> Self {
        Self {
            listing,
            market,
            terms,
            zone: Tz::Asia__Riyadh,
            wanted: Wanted::default(),
            valued: vec![],
            contacts: vec![],
            limit: DEFAULT_LIMIT,
            is_counted: false,
            sort: None,
            broken: Broken::default(),
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Rule> {
        match name {
            "timezone" | "cursor" => Ok(()),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                limit.map(|limit| self.limit = limit).ok_or(Rule::range(1, MAX_LIMIT))
            }
            "count" => match value {
                "true" | "false" => {
                    self.is_counted = value == "true";
                    Ok(())
                }
                _ => Err(Rule::wrong_type("boolean")),
            },
            "sort" => self.sort(value),
            "from" => days::day(value).map(|day| self.wanted.from = Some(start_of_day(day, self.zone))),
            "to" => {
                let end = |day: NaiveDate| start_of_day(day.succ_opt().unwrap_or(day), self.zone);
                days::day(value).map(|day| self.wanted.until = Some(end(day)))
            }
            name if !self.listing.filters.contains(&name) => Err(Rule::unknown_parameter()),
            _ if !(1..=MAX_VALUE).contains(&value.chars().count()) => Err(Rule::length(1, MAX_VALUE as i64)),
            // Postgres takes no NUL.
            _ if value.chars().any(char::is_control) => Err(Rule::control_characters()),
            _ => self.filter(name, value),
        }
    }

    fn sort(&mut self, value: &str) -> Result<(), Rule> {
        let name = value.strip_prefix('-').unwrap_or(value);
        let known = self.listing.sorts.iter().find(|(known, _)| *known == name);
        let Some((_, key)) = known else {
            let names = self.listing.sort_names();
            return Err(Rule::one_of(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        };
        self.wanted.sort = Sort { key: *key, is_descending: value.starts_with('-') };
        self.sort = Some(value.to_owned());
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), Rule> {
        let several = match name {
            "status" => Some(&mut self.wanted.status),
            "paymentMethod" => Some(&mut self.wanted.payment_method),
            "channel" => Some(&mut self.wanted.channel),
            "city" => Some(&mut self.wanted.city),
            _ => None,
        };
        if let Some(values) = several {
            if values.len() == MAX_VALUES {
                return Err(Rule::too_many_values(MAX_VALUES as i64));
            }
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
            return Ok(());
        }
        match name {
            "country" => self.valued("country", self.terms.value("country", &value.to_ascii_uppercase())),
            "kind" => self.valued("kind", self.terms.value("kind", value)),
            "brand" => self.valued("brand", self.terms.value("brand", value)),
            "category" => self.valued("category", self.terms.value("category", value)),
            "group" => self.valued("group", self.terms.id("group", number(value)?)),
            "customerId" => {
                self.wanted.customer_id = Some(number(value)?);
                Ok(())
            }
            "productId" => {
                self.wanted.every.push(self.terms.id("product", number(value)?));
                Ok(())
            }
            "number" => {
                self.wanted.every.push(self.terms.word(&number(value)?.to_string()));
                self.wanted.is_rare = true;
                Ok(())
            }
            "sku" => {
                self.wanted.every.push(self.terms.value("sku", value));
                self.wanted.is_rare = true;
                Ok(())
            }
            "q" => {
                let words = self.terms.words(value);
                if words.is_empty() {
                    return Err(Rule::no_word());
                }
                self.wanted.every.extend(words);
                Ok(())
            }
            "amountFrom" => {
                self.wanted.amount_from = Some(amount(value)?);
                Ok(())
            }
            "amountTo" => {
                self.wanted.amount_to = Some(amount(value)?);
                Ok(())
            }
            _ => {
                self.contacts.extend(people::contacts(name, value, self.market)?);
                Ok(())
            }
        }
    }

    fn valued(&mut self, filter: &'static str, term: i64) -> Result<(), Rule> {
        let at = self.valued.iter().position(|(known, _)| *known == filter);
        let at = at.unwrap_or_else(|| {
            self.valued.push((filter, vec![]));
            self.valued.len() - 1
        });
        if self.valued[at].1.len() == MAX_VALUES {
            return Err(Rule::too_many_values(MAX_VALUES as i64));
        }
        self.valued[at].1.push(term);
        Ok(())
    }

    fn finish(mut self, parameters: &[(String, String)]) -> Result<Asked, Problem> {
        let sort = self.sort.take().unwrap_or_else(|| {
            let (name, key) = self.listing.sorts[0];
            self.wanted.sort = Sort { key, is_descending: true };
            format!("-{name}")
        });
        let cursor = parameters.iter().find(|(name, _)| name == "cursor");
        let key = self.wanted.sort.key;
        let after = cursor.map(|(_, text)| parse_cursor(text, &sort).filter(|place| key.can_be(place.key)));
        if after == Some(None) {
            self.broken.add("cursor", Rule::cursor());
        }
        let (from, until) = (self.wanted.from, self.wanted.until);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            self.broken.add("from", Rule::not_after("to"));
        }
        let (least, most) = (self.wanted.amount_from, self.wanted.amount_to);
        if least.zip(most).is_some_and(|(least, most)| least > most) {
            self.broken.add("amountFrom", Rule::not_after("amountTo"));
        }
        if !self.broken.0.is_empty() {
            return Err(Problem::invalid(self.broken.0));
        }
        self.wanted.any_of = self.valued.into_iter().map(|(_, terms)| terms).collect();
        Ok(Asked {
            wanted: self.wanted,
            contacts: self.contacts,
            sort,
            after: after.flatten(),
            limit: self.limit,
            is_counted: self.is_counted,
        })
    }
}

fn number(value: &str) -> Result<i64, Rule> {
    spelling::ascii_digits(value.trim().trim_start_matches('#'))
        .parse()
        .map_err(|_| Rule::wrong_type("integer"))
}

/// Ten-thousandths.
fn amount(value: &str) -> Result<i64, Rule> {
    let amount: Result<Amount, _> = spelling::ascii_digits(value.trim()).parse();
    amount.map(Amount::mantissa).map_err(|_| Rule::wrong_type("number"))
}

pub(super) fn show_cursor(place: &Place, sort: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{sort}:{}:{}", place.key, place.id))
}

/// None where it is none of ours, or of a list in another order.
fn parse_cursor(text: &str, sort: &str) -> Option<Place> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (key, id) = text.strip_prefix(sort)?.strip_prefix(':')?.split_once(':')?;
    Some(Place { key: key.parse().ok()?, id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use qafila_projections::lists::List;
    use qafila_projections::lists::find::SortKey;

    use super::*;

    const ORDERS: Listing = Listing {
        list: List::Orders,
        filters: &[
            "status",
            "city",
            "customerId",
            "number",
            "q",
            "amountFrom",
            "amountTo",
            "email",
            "name",
            "brand",
        ],
        sorts: &[("createdAt", SortKey::Created), ("total", SortKey::Amount)],
    };

    fn read(query: &str) -> Result<Asked, Problem> {
        let call = Call { headers: HeaderMap::new(), query: query.into(), body: Bytes::new() };
        ORDERS.read(&call, Market::default(), MerchantId::default(), 2)
    }

    fn broken(query: &str) -> Vec<(String, &'static str)> {
        let problem = read(query).err().expect("it is refused");
        problem.errors.iter().map(|error| (error.pointer.clone(), error.rule.code())).collect()
    }

    #[test]
    fn a_filter_takes_several_values_and_digits_of_any_script() {
        let asked = read("status=a&status=b&status=a&amountFrom=%D9%A1%D9%A2.5&number=%D9%A7&sort=total")
            .expect("good");
        assert_eq!(asked.wanted.status, ["a", "b"]);
        assert_eq!(asked.wanted.amount_from, Some(125_000));
        assert_eq!(asked.wanted.every, [Terms::of(MerchantId::default(), 2).word("7")]);
        assert_eq!(asked.wanted.sort, Sort { key: SortKey::Amount, is_descending: false });
    }

    #[test]
    fn days_are_whole_days_of_the_time_zone_wherever_that_stands() {
        let asked = read("from=2026-03-01&to=2026-03-01&timezone=UTC").expect("good");
        let (from, until) = (asked.wanted.from.expect("from"), asked.wanted.until.expect("until"));
        assert_eq!(
            (from.to_rfc3339(), until.to_rfc3339()),
            ("2026-03-01T00:00:00+00:00".into(), "2026-03-02T00:00:00+00:00".into())
        );
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let named = |query: &str, expected: &[(&str, &str)]| {
            let expected: Vec<(String, &str)> =
                expected.iter().map(|(field, rule)| ((*field).into(), *rule)).collect();
            assert_eq!(broken(query), expected, "{query}");
        };
        named("limit=0&sort=city", &[("limit", "range"), ("sort", "one-of")]);
        named("from=2026-03-02&to=2026-03-01", &[("from", "not-after")]);
        named("amountFrom=5&amountTo=4", &[("amountFrom", "not-after")]);
        named("amountFrom=x", &[("amountFrom", "wrong-type")]);
        named("q=%20-%20", &[("q", "no-word")]);
        named("customerId=1&customerId=2", &[("customerId", "repeated")]);
        named("city=%00", &[("city", "control-characters")]);
        named("channel=x", &[("channel", "unknown-parameter")]);
        named("timezone=Mars&count=1", &[("timezone", "time-zone"), ("count", "wrong-type")]);
        let many: String = (0..=MAX_VALUES).map(|value| format!("city={value}&")).collect();
        named(&many, &[("city", "too-many-values")]);
    }

    #[test]
    fn a_cursor_is_of_one_order() {
        let place = Place { key: -7, id: 20 };
        let cursor = show_cursor(&place, "-createdAt");
        assert_eq!(read(&format!("cursor={cursor}")).expect("good").after, Some(place));
        assert_eq!(broken(&format!("cursor={cursor}&sort=createdAt")), [("cursor".into(), "cursor")]);
        assert_eq!(broken("cursor=bm9uZQ"), [("cursor".into(), "cursor")]);
        let never = show_cursor(&Place { key: i64::MAX, id: 1 }, "-createdAt");
        assert_eq!(
            broken(&format!("cursor={never}")),
            [("cursor".into(), "cursor")],
            "no time of a calendar"
        );
    }
}
