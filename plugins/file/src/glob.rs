//! Patterns for names: `*` and `?` within a name, `**` over folders, `[a-z]`, `{csv,txt}` is not among them.

/// A pattern with a slash is held against the whole path below the folder, one without against the name alone.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    if pattern.contains('/') {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        return matches_path(&pattern, &path);
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    matches_name(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

fn matches_path(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skip| matches_path(rest, &path[skip..])),
        (Some((first, rest)), Some((name, more))) => {
            matches_name(&first.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
                && matches_path(rest, more)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Goes back to the last star only, so that no pattern takes longer than their lengths multiplied.
fn matches_name(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, seen));
            at += 1;
        } else if let Some(width) = one(&pattern[at..], name[seen]) {
            at += width;
            seen += 1;
        } else if let Some((star_at, star_seen)) = star {
            star = Some((star_at, star_seen + 1));
            at = star_at + 1;
            seen = star_seen + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// How much of the pattern stands for `c`, if it does.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let close = pattern.iter().skip(2).position(|p| *p == ']').map(|at| at + 2);
            // Without its end it is an ordinary character.
            let Some(close) = close else { return (c == '[').then_some(1) };
            let (negated, set) = match &pattern[1..close] {
                ['!', set @ ..] => (true, set),
                set => (false, set),
            };
            (in_set(set, c) != negated).then_some(close + 1)
        }
        plain => (*plain == c).then_some(1),
    }
}

fn in_set(mut set: &[char], c: char) -> bool {
    while let Some(first) = set.first() {
        if let [from, '-', to, rest @ ..] = set {
            if (*from..=*to).contains(&c) {
                return true;
            }
            set = rest;
        } else {
            if *first == c {
                return true;
            }
            set = &set[1..];
        }
    }
    false
}
