//! The two languages of a page, and which of them its reader wants.

use yizhan_workflow::problem::Lang;

/// Both stand side by side, so that neither is forgotten.
pub(crate) fn say<'t>(lang: Lang, zh: &'t str, en: &'t str) -> &'t str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// The language of `Accept-Language` that is wanted most of those that we speak.
pub(crate) fn first_spoken(wanted: &str) -> Option<Lang> {
    let mut best: Option<(f32, Lang)> = None;
    for one in wanted.split(',').take(50) {
        let mut parts = one.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        let weight = weight.unwrap_or(0.0);
        let lang = match tag.split('-').next() {
            Some("zh") => Lang::Zh,
            Some("en") => Lang::En,
            _ => continue,
        };
        if weight > 0.0 && best.is_none_or(|(known, _)| known < weight) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_speaks_the_language_that_its_reader_wants_most_of_those_it_can() {
        let all = [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Zh)),
            ("de-DE,de;q=0.9,en;q=0.5,zh;q=0.4", Some(Lang::En)),
            ("en;q=0.2, zh-TW;q=0.7", Some(Lang::Zh)),
            ("en;q=0, zh;q=0.1", Some(Lang::Zh)),
            ("EN-us", Some(Lang::En)),
            ("fr", None),
            ("", None),
            ("*;q=0.5", None),
            (";;;q=x,,", None),
        ];
        for (wanted, spoken) in all {
            assert_eq!(first_spoken(wanted), spoken, "{wanted}");
        }
    }
}
