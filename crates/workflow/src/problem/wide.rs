//! Signs of full width, which a Chinese input method writes where notations have their own.

/// What is typed, and what it should be.
const SIGNS: &[(char, &str)] = &[
    ('“', "\""),
    ('”', "\""),
    ('‘', "'"),
    ('’', "'"),
    ('「', "\""),
    ('」', "\""),
    ('，', ","),
    ('、', ","),
    ('（', "("),
    ('）', ")"),
    ('【', "["),
    ('】', "]"),
    ('《', "<"),
    ('》', ">"),
    ('。', "."),
    ('　', " "),
];

pub(crate) struct Wide {
    pub(crate) at: usize,
    pub(crate) sign: char,
    pub(crate) ascii: String,
}

/// The sign of half width that a sign of full width stands for.
pub(crate) fn twin(sign: char) -> Option<String> {
    if let Some((_, ascii)) = SIGNS.iter().find(|(wide, _)| *wide == sign) {
        return Some((*ascii).to_owned());
    }
    // All of ASCII is there once more in full width, in the same order.
    let ascii = u32::from(sign).checked_sub(0xfee0).and_then(char::from_u32)?;
    (('\u{ff01}'..='\u{ff5e}').contains(&sign)).then(|| ascii.to_string())
}

/// The first sign of full width that stands outside of quotes and comments.
pub(crate) fn outside_quotes(line: &str) -> Option<Wide> {
    let mut quote = None;
    for (at, sign) in line.char_indices() {
        match quote {
            Some(open) if sign == open => quote = None,
            Some(_) => {}
            None if matches!(sign, '"' | '\'') => quote = Some(sign),
            None if sign == '#' => return None,
            None => {
                if let Some(ascii) = twin(sign) {
                    return Some(Wide { at, sign, ascii });
                }
            }
        }
    }
    None
}

/// The line with signs of half width, but for those within texts.
pub(crate) fn narrowed(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut quote: Option<char> = None;
    for sign in line.chars() {
        let ascii = twin(sign);
        let is_end = |open: char| match open {
            '“' => sign == '”' || sign == '"',
            '‘' => sign == '’' || sign == '\'',
            '「' => sign == '」',
            open => sign == open,
        };
        match quote {
            Some(open) if is_end(open) => {
                quote = None;
                text.push(if matches!(open, '‘' | '\'') { '\'' } else { '"' });
            }
            Some(_) => text.push(sign),
            None => {
                if matches!(sign, '"' | '\'' | '“' | '‘' | '「') {
                    quote = Some(sign);
                }
                text.push_str(ascii.as_deref().unwrap_or(sign.encode_utf8(&mut [0; 4])));
            }
        }
    }
    text
}

/// Every sign of half width, also within quotes: for texts that are a notation themselves.
pub(crate) fn all_narrowed(text: &str) -> String {
    text.chars().map(|sign| twin(sign).unwrap_or_else(|| sign.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_the_notation_are_narrowed_and_those_of_texts_are_let_be() {
        assert_eq!(narrowed("title ＝ “报漏，停水”"), "title = \"报漏，停水\"");
        assert_eq!(narrowed("rows = 【{ a = \"一，二\"，b = １ }】"), "rows = [{ a = \"一，二\",b = 1 }]");
        assert_eq!(outside_quotes("a = \"，\" # ，").map(|wide| wide.at), None);
        assert_eq!(outside_quotes("a = \"，\"，").map(|wide| wide.at), Some(9));
        assert_eq!(all_narrowed("１８：００"), "18:00");
    }
}
