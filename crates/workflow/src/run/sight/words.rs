//! The words of a case, its key and the titles of its tasks, as they are said to somebody: in lists, views, mails and chats
//! by one rule.

use super::{HIDDEN, SHORTEST, Sight, Veil};

/// Digits of a number that is hidden in any sentence.
const LONG: usize = 4;

impl Sight<'_> {
    /// The key of the case, which was made of what it began with; none where the case is not for whoever looks.
    #[must_use]
    pub fn key(&self, said: &str) -> Option<String> {
        self.case().then(|| self.veil_of(std::iter::empty()).over_words(said))
    }

    /// The title of a task; whoever it asks reads it as it was written for them, of the house or not.
    #[must_use]
    pub fn title(&self, said: &str) -> Option<String> {
        if self.is_asked(|task| *task.title == *said) {
            Some(said.to_owned())
        } else {
            self.case().then(|| self.veil().over_words(said))
        }
    }

    /// Other words about the case, such as what went wrong.
    #[must_use]
    pub fn note(&self, said: &str) -> String {
        self.veil().over_sentence(said)
    }

    /// Words of a person: a comment, a reason, an answer. What their author may not read either they can only have guessed, and
    /// to hide it would tell that the guess is right.
    #[must_use]
    pub fn words_of(&self, by: &str, said: &str) -> String {
        let veiled = self.note(said);
        if veiled == said || self.is_viewer(by) {
            return said.to_owned();
        }
        if !by.starts_with("person:") && !by.starts_with("mail:") {
            return veiled;
        }
        let author = self.for_whom(by);
        self.veil().without(author.veil()).over_sentence(said)
    }
}

impl Veil {
    /// What is hidden by this one alone.
    fn without(&self, other: &Veil) -> Veil {
        let hidden = self.hidden.iter().filter(|text| !other.hidden.contains(text)).cloned();
        Veil { hidden: hidden.collect(), numbers: self.numbers.difference(&other.numbers).cloned().collect() }
    }

    /// Over other words, such as what a plugin says: of the numbers those that are too long to be met by chance. A short one may
    /// be anything; and what is one Latin word, such as an id or a hash, is no sentence.
    #[must_use]
    pub fn over_sentence(&self, words: &str) -> String {
        let words = self.over(words);
        let is_sentence = !words.is_ascii() || words.contains(char::is_whitespace);
        let has_numbers = words.bytes().filter(u8::is_ascii_digit).nth(LONG - 1).is_some();
        if !is_sentence || !has_numbers {
            return words;
        }
        let digits = |number: &str| number.bytes().filter(u8::is_ascii_digit).count();
        let long = self.numbers.iter().filter(|number| digits(number) >= LONG);
        long.fold(words, |words, number| without_number(&words, number))
    }

    /// Over a title or a key: numbers as well, as they are printed.
    #[must_use]
    pub fn over_words(&self, words: &str) -> String {
        let words = self.over(words);
        self.numbers.iter().fold(words, |words, number| without_number(&words, number))
    }
}

/// Where it stands as a number of its own, and not as a part of a date or of a longer one.
fn without_number(words: &str, number: &str) -> String {
    printed(number).iter().fold(words.to_owned(), |words, form| {
        let (mut told, mut rest) = (String::with_capacity(words.len()), &*words);
        while let Some(at) = rest.find(form.as_str()) {
            let (before, after) = (&rest[..at], &rest[at + form.len()..]);
            let begins = !goes_on(told.chars().chain(before.chars()).rev());
            let ends = !after.starts_with(['年', '月']) && !goes_on(after.chars());
            told.push_str(before);
            told.push_str(if begins && ends { HIDDEN } else { form });
            rest = after;
        }
        told.push_str(rest);
        told
    })
}

/// Whether a number or a date goes on there; a letter is none of it: `RMB48500`.
fn goes_on(mut near: impl Iterator<Item = char>) -> bool {
    match near.next() {
        Some('.' | ',' | '-' | '/' | ':') => near.next().is_some_and(|next| next.is_ascii_digit()),
        Some(next) => next.is_ascii_digit(),
        None => false,
    }
}

/// As it is, as money, without zeros at its end, and each with the thousands set apart: `48500`, `48500.00`, `48,500`,
/// `48,500.00`.
fn printed(number: &str) -> Vec<String> {
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let short = match places.trim_end_matches('0') {
        "" => whole.to_owned(),
        places => format!("{whole}.{places}"),
    };
    let money = format!("{whole}.{places:0<2}");
    let plain = [money, number.to_owned(), short];
    let plain = plain.iter().filter(|form| form.len() > SHORTEST);
    plain.flat_map(|form| [Some(form.clone()), thousands(form)]).flatten().collect()
}

fn thousands(number: &str) -> Option<String> {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let digits = whole.trim_start_matches('-');
    if digits.len() < 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut told = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            told.push(',');
        }
        told.push(digit);
    }
    Some(told + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hides(number: &str, words: &str) -> String {
        let veil = Veil { hidden: vec![], numbers: [number.to_owned()].into() };
        veil.over_words(words)
    }

    #[test]
    fn money_is_hidden_however_a_title_rounds_it_and_beside_any_letter() {
        assert_eq!(hides("48500.00", "加薪 48500、48,500.00 元"), "加薪 ***、*** 元");
        assert_eq!(hides("48500.50", "48500.5"), "***");
        assert_eq!(hides("48500", "RMB48500、48500CNY"), "RMB***、***CNY");
        assert_eq!(hides("48500.00", "485001、148500、48500.01"), "485001、148500、48500.01");
        // A short number is no secret that can be told from others.
        assert_eq!(hides("10.00", "10 天,10.00 元"), "10 天,*** 元");
    }

    #[test]
    fn a_long_number_is_hidden_in_a_sentence_too_and_no_id_date_or_short_one_with_it() {
        let numbers = ["48500", "365", "2026"].map(str::to_owned).into();
        let veil = Veil { hidden: vec![], numbers };
        let told = |words: &str| veil.over_sentence(words);
        assert_eq!(told("paid 48500 of 365"), "paid *** of 365");
        assert_eq!(
            told("已付48,500.00元,2026-11-22T02:00:00Z,2026年"),
            "已付***元,2026-11-22T02:00:00Z,2026年"
        );
        assert_eq!(told(r#"sent {"sum":48500}"#), r#"sent {"sum":***}"#);
        for id in ["run_48500", "2026-11-22T02:00:00Z", "48500"] {
            assert_eq!(told(id), id);
        }
    }

    #[test]
    fn a_number_is_hidden_as_it_is_printed_and_no_date_or_other_number_with_it() {
        assert_eq!(hides("48500", "加薪 48500 元"), "加薪 *** 元");
        assert_eq!(hides("48500", "加薪48,500元,48500。"), "加薪***元,***。");
        assert_eq!(hides("48500.5", "48,500.5 48,500.50"), "*** ***");
        assert_eq!(hides("485", "全年485.00元"), "全年***元");
        assert_eq!(hides("-4850", "差 -4850,-4,850"), "差 ***,***");
        assert_eq!(hides("485", "第 1485 号,485.2"), "第 1485 号,485.2");
        assert_eq!(
            hides("2026", "2026-10-01 请假,2026年,10/2026,共 2026"),
            "2026-10-01 请假,2026年,10/2026,共 ***"
        );
    }
}
