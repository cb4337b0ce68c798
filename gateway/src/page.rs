//! Pages by key (API.md): `cursor` and `limit` in, `nextCursor` out. A cursor is the creation and the id of the last row of the page
//! before.

use qafila_schemas::words::rule::Rule;
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::call::Call;
use crate::problem::Problem;

const DEFAULT_LIMIT: i64 = 20;
const MOST: i64 = 100;

/// Which page is wanted.
#[derive(Debug, PartialEq, Eq)]
pub struct PageRequest<I> {
    /// Behind which row it begins.
    pub cursor: Option<(DateTime<Utc>, I)>,
    /// Rows at most.
    pub limit: i64,
}

impl<I> Default for PageRequest<I> {
    fn default() -> Self {
        Self { cursor: None, limit: DEFAULT_LIMIT }
    }
}

impl<I: FromStr + Display> PageRequest<I> {
    /// Takes a parameter that is of pages; false where it is another.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "cursor" => self.cursor = Some(parse_cursor(value)?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                self.limit = limit.ok_or_else(|| Problem::invalid_field("limit", Rule::range(1, 100)))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The page that a call asks for which takes no other parameters.
    pub fn only(call: &Call) -> Result<Self, Problem> {
        let mut page = Self::default();
        for (name, value) in call.parameters() {
            if !page.take(&name, &value)? {
                return Err(Problem::invalid_field(&name, Rule::unknown_parameter()));
            }
        }
        Ok(page)
    }

    /// How many rows tell whether another page follows.
    pub fn wanted(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the rows to the page, and tells where the next one begins.
    pub fn cut<R>(&self, rows: &mut Vec<R>, place: impl Fn(&R) -> (DateTime<Utc>, I)) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        rows.last().filter(|_| more).map(|last| show_cursor(&place(last)))
    }
}

fn show_cursor<I: Display>((created_at, id): &(DateTime<Utc>, I)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", created_at.timestamp_micros()))
}

fn parse_cursor<I: FromStr>(text: &str) -> Result<(DateTime<Utc>, I), Problem> {
    let parsed = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        let (micros, id) = text.split_once(':')?;
        Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
    });
    parsed.ok_or_else(|| Problem::invalid_field("cursor", Rule::cursor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_begins_behind_the_last_row_of_this_one_and_the_last_page_says_so() {
        let at = |second| DateTime::from_timestamp(second, 0).expect("a time");
        let mut page = PageRequest::<i64>::default();
        assert!(page.take("limit", "2").expect("a limit"));
        let mut rows = vec![(at(3), 30), (at(2), 20), (at(1), 10)];
        assert_eq!(page.wanted(), 3);
        let next = page.cut(&mut rows, |row| *row).expect("another page");
        assert_eq!(rows.len(), 2);
        assert!(page.take("cursor", &next).expect("a cursor"));
        assert_eq!(page.cursor, Some((at(2), 20)));
        assert_eq!(page.cut(&mut vec![(at(1), 10)], |row| *row), None);
    }

    #[test]
    fn limits_and_cursors_that_are_not_ours_are_named() {
        let mut page = PageRequest::<i64>::default();
        for (name, value) in
            [("limit", "0"), ("limit", "101"), ("limit", "many"), ("cursor", "?"), ("cursor", "MTp4")]
        {
            assert_eq!(page.take(name, value).expect_err(value).errors[0].pointer, name);
        }
        assert!(!page.take("status", "active").expect("no parameter of pages"));
    }
}
