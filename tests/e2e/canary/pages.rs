//! What each page lets a browser do: run our scripts and ask us, and nothing that stands in the page itself.

use super::furnished::furnished;
use super::shown::{Answer, Asker, Shown};

/// What is inline in a page's source: scripts, styles, handlers, and addresses that are scripts.
fn inline(page: &str) -> Vec<String> {
    let lower = page.to_lowercase();
    let tags = lower.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    let is_inline = |tag: &&str| {
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        let attributes = || tag.split(['"', '\'']).step_by(2).flat_map(str::split_whitespace);
        let has = |wanted: &dyn Fn(&str) -> bool| attributes().any(wanted);
        (name == "script" && !has(&|word| word.starts_with("src=")))
            || ["style", "base", "object", "embed", "iframe"].contains(&name)
            || has(&|word| word.starts_with("style=") || (word.starts_with("on") && word.contains('=')))
            || tag.contains("javascript:")
            || tag.contains("\"data:")
    };
    tags.filter(is_inline).map(str::to_owned).collect()
}

fn faults(answer: &Answer) -> Vec<String> {
    let (head, page) = answer.text.split_once("\n<!DOCTYPE html>").unwrap_or((&answer.text, ""));
    let of = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(named, _)| *named == name)
            .map(|(_, value)| value.to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut faults = vec![];
    for cookie in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
        let kept =
            ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"].iter().all(|part| cookie.contains(part));
        if !cookie.starts_with("__Host-") || !kept || cookie.contains("Domain") {
            faults.push(format!("the cookie {cookie}"));
        }
    }
    if of("content-type").starts_with("text/html") {
        let policy = of("content-security-policy");
        let parts: Vec<&str> = policy.split(';').map(str::trim).collect();
        for wanted in
            ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
        {
            if !parts.contains(&wanted) {
                faults.push(format!("the policy lacks {wanted}: {policy}"));
            }
        }
        if ["unsafe", "data:", "http:", "https:", "*", "blob:", "nonce", "sha256"]
            .iter()
            .any(|word| policy.contains(word))
        {
            faults.push(format!("the policy lets more in: {policy}"));
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            if of(name) != value {
                faults.push(format!("{name} is `{}`", of(name)));
            }
        }
        faults.extend(inline(page).into_iter().map(|tag| format!("inline: <{tag}>")));
    }
    faults.into_iter().map(|fault| format!("{}: {fault}", answer.place)).collect()
}

#[test]
fn every_page_has_a_policy_that_lets_nothing_inline_run_and_has_nothing_inline() {
    let furnished = furnished();
    let shown = Shown::of(&furnished);
    let (mut pages, mut all) = (0, vec![]);
    for asker in [Asker::Token, Asker::Admin, Asker::Clerk, Asker::Stranger] {
        for answer in shown.all(asker) {
            pages += usize::from(answer.text.contains("<!DOCTYPE html>"));
            all.extend(faults(&answer));
        }
    }
    for answer in shown.acts() {
        all.extend(faults(&answer));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(pages > 100, "{pages} pages were looked at");
}

#[test]
fn what_is_inline_is_found_wherever_it_stands() {
    for page in [
        "<p>a<script>b()</script>",
        "<SCRIPT type=module>b()</SCRIPT>",
        "<style>a{}</style>",
        "<p style=\"color:red\">",
        "<img src=\"/a\" onerror=\"b()\">",
        "<svg onload='b()'>",
        "<a href=\"javascript:b()\">",
        "<base href=\"//evil.example\">",
        "<iframe srcdoc=\"x\">",
    ] {
        assert!(!inline(page).is_empty(), "{page}");
    }
    let ours = "<script src=\"/assets/send.js\" defer></script><a href=\"/new\" title=\"on=1 style=\">x</a><p lang=\"en\">";
    assert_eq!(inline(ours), Vec::<String>::new());
}
