//! Texts that can never be right where a plugin's schema says of what `format` they are: told before a case comes.
//!
//! Plugins read their inputs more strictly. Here is refused only what no plugin could make anything of.

/// What a text written out in a file should be, if it is not of that format. Of others nothing is said.
pub(super) fn wanted(format: &str, text: &str) -> Option<&'static str> {
    let (fits, wanted) = match format {
        "http-url" => (is_http_url(text), "an address as `https://example.com/path`"),
        "http-method" => (is_method(text), "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"),
        "recipient" => {
            (is_recipient(text), "a mail address as `li@example.com`, or `person:…`, `group:…`, `role:…`")
        }
        "path-below-root" => {
            (is_below(text), "a path below the plugin's folder: not from `/` on, without `..` and `\\`")
        }
        "file-name" => (is_file_name(text), "the name of a file without folders: `日报.xlsx`"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

fn is_http_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.trim().split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !host.is_empty()
        && !host.contains(char::is_whitespace)
}

fn is_method(text: &str) -> bool {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .iter()
        .any(|known| text.eq_ignore_ascii_case(known))
}

/// Empty ones are passed over. Whether there is such a person is said elsewhere.
fn is_recipient(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || ["person:", "group:", "role:"].iter().any(|kind| text.starts_with(kind)) {
        return true;
    }
    let bare = text.strip_suffix('>').and_then(|before| before.rsplit_once('<'));
    let address = bare.map_or(text, |(_, address)| address.trim());
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let spoilt = |part: &str| {
        part.is_empty()
            || part.contains(|sign: char| sign.is_whitespace() || matches!(sign, ',' | ';' | '@' | '<' | '>'))
    };
    !spoilt(local) && !spoilt(domain)
}

fn is_below(text: &str) -> bool {
    !text.starts_with('/') && !text.contains('\\') && text.split('/').all(|part| part != "..")
}

fn is_file_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(['/', '\\']) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn what_can_never_be_right_is_told_and_nothing_else() {
        for (format, right, wrong) in [
            (
                "http-url",
                &["https://example.com", "HTTP://10.0.0.1:8080/a?b=c d", " https://例子.cn/"][..],
                &["not a url", "", "https://", "ftp://example.com", "example.com/x", "https://a b/"][..],
            ),
            ("http-method", &["GET", "put", "Patch"], &["FETCH", "", "POST ", "TRACE"]),
            (
                "recipient",
                &["", "li@example.com", "李娜 <li@example.com>", "person:li.na", "role:班长", "a+b@x"],
                &["abc", "a@b, c@d", "li @example.com", "@example.com", "li@", "李娜 <li>", "perosn:li.na"],
            ),
            (
                "path-below-root",
                &["x.csv", "", "./a/b.txt", "reports:2026/a..b.csv", "..x"],
                &["../x", "/etc/passwd", "a/../../b", "a\\b", ".."],
            ),
            ("file-name", &["日报-2026-11-20", "a.b.xlsx"], &["", " ", "日报/a.xlsx", "..\\a", "a\nb"]),
            ("uint64", &["anything"], &[]),
        ] {
            for text in right {
                assert_eq!(wanted(format, text), None, "{format}: {text}");
            }
            for text in wrong {
                assert!(wanted(format, text).is_some(), "{format}: {text}");
            }
        }
    }
}
