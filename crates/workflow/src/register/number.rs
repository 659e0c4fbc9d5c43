//! Numbers as `LB{year}-{n:05}`: which part counts, and from when it begins anew.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::id::Millis;

/// How the entries of a register, or what a sequence gives, are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    source: Arc<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Year,
    Month,
    Day,
    Count { width: usize },
}

/// When the counting begins anew: with the smallest part of a date that the number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resets {
    Never,
    Yearly,
    Monthly,
    Daily,
}

/// Digits that a count may be filled up to.
const WIDEST: usize = 12;

impl Default for Numbered {
    fn default() -> Self {
        Self { source: "{n}".into(), parts: vec![Part::Count { width: 0 }] }
    }
}

impl Numbered {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            if !rest[open..].starts_with('{') {
                return Err("a `}` has no `{` before it".to_owned());
            }
            push_text(&mut parts, &rest[..open]);
            let (word, after) = rest[open + 1..].split_once('}').ok_or("a `{` is not closed")?;
            parts.push(part(word)?);
            rest = after;
        }
        push_text(&mut parts, rest);
        let this = Self { source: text.into(), parts };
        this.whole().map(|()| this)
    }

    /// Two numbers of one register must never be the same.
    fn whole(&self) -> Result<(), String> {
        match self.parts.iter().filter(|part| matches!(part, Part::Count { .. })).count() {
            1 => {}
            0 => return Err("it has no `{n}`, so all would be the same".to_owned()),
            _ => return Err("it has more than one `{n}`".to_owned()),
        }
        let has = |part: &Part| self.parts.contains(part);
        if has(&Part::Month) && !has(&Part::Year) {
            return Err(
                "it has `{month}` and no `{year}`, so numbers would come again a year later".to_owned()
            );
        }
        if has(&Part::Day) && !has(&Part::Month) {
            return Err(
                "it has `{day}` and no `{month}`, so numbers would come again a month later".to_owned()
            );
        }
        Ok(())
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    #[must_use]
    pub fn resets(&self) -> Resets {
        let resets = self.parts.iter().map(|part| match part {
            Part::Year => Resets::Yearly,
            Part::Month => Resets::Monthly,
            Part::Day => Resets::Daily,
            Part::Text(_) | Part::Count { .. } => Resets::Never,
        });
        resets.max().unwrap_or(Resets::Never)
    }

    /// What the counting begins anew with: `2026`, `2026-11`.
    #[must_use]
    pub fn series(&self, at: Millis, zone: &TimeZone) -> Arc<str> {
        let date = date(at, zone);
        match self.resets() {
            Resets::Never => "".into(),
            Resets::Yearly => format!("{:04}", date.year()).into(),
            Resets::Monthly => format!("{:04}-{:02}", date.year(), date.month()).into(),
            Resets::Daily => date.to_string().into(),
        }
    }

    /// The n-th number of the series that an instant is in.
    #[must_use]
    pub fn number(&self, n: u64, at: Millis, zone: &TimeZone) -> Arc<str> {
        let date = date(at, zone);
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(own) => own.clone(),
            Part::Year => format!("{:04}", date.year()),
            Part::Month => format!("{:02}", date.month()),
            Part::Day => format!("{:02}", date.day()),
            Part::Count { width } => format!("{n:0width$}"),
        });
        parts.collect::<String>().into()
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn part(word: &str) -> Result<Part, String> {
    let unknown =
        || format!("`{{{word}}}` is not known: there are {{year}}, {{month}}, {{day}}, {{n}} and {{n:05}}");
    Ok(match word {
        "year" => Part::Year,
        "month" => Part::Month,
        "day" => Part::Day,
        "n" => Part::Count { width: 0 },
        _ => {
            let width = word.strip_prefix("n:").ok_or_else(unknown)?;
            let width = width.strip_prefix('0').unwrap_or(width);
            let width = width.parse().ok().filter(|width| (1..=WIDEST).contains(width));
            Part::Count { width: width.ok_or_else(unknown)? }
        }
    })
}

fn date(at: Millis, zone: &TimeZone) -> jiff::civil::Date {
    zone.to_datetime(at.timestamp().unwrap_or_default()).date()
}
